"""The audit log and the history of pods: who asked for which change, from where, and what became of it."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import structlog

from scheduler.api import audit as module
from scheduler.api.access import Access
from scheduler.core.rollout.history import MOST_ENTRIES
from scheduler.model.json import Json
from scheduler.observe.audit import AuditLog
from tests.api.app import Api
from tests.api.test_access import basic
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

SECRET = "anna:pass"
POD_ID = POD["id"]


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """What is logged."""
    with structlog.testing.capture_logs() as found:
        yield found


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def api(loop: FakeLoop) -> Api:
    return Api(loop, Access(SECRET), audit=AuditLog())


def audited(lines: list[Any]) -> list[Json]:
    """The lines of the audit log, without what all have in common."""
    found = [dict(line) for line in lines if line["event"] in ("write", "login failed")]
    for line in found:
        assert line.pop("client_ip") == "127.0.0.1"
        line.pop("log_level")
    return found


def ask(api: Api, method: str, path: str, **more: Any) -> httpx2.Response:
    """The answer to a request of anna's."""
    return api(method, path, headers=basic(SECRET), **more)


def test_every_change_has_a_line_with_its_outcome(api: Api, loop: FakeLoop, lines: list[Any]) -> None:
    created = ask(api, "POST", "/v2/pods", json=POD).headers["Marathon-Deployment-Id"]
    loop.run_all()
    ask(api, "POST", "/v2/pods", json=POD)
    updated = ask(api, "PUT", f"/v2/pods{POD_ID}?force=true", json=POD | {"labels": {"a": "b"}})
    deployment = updated.headers["Marathon-Deployment-Id"]
    ask(api, "POST", f"/v2/deployments/{deployment}/pause")
    ask(api, "POST", f"/v2/deployments/{deployment}/resume")
    instance = ask(api, "GET", f"/v2/pods{POD_ID}::instances").json()[0]["id"]
    ask(api, "DELETE", f"/v2/pods{POD_ID}::instances/{instance}")
    reverted = ask(api, "DELETE", f"/v2/deployments/{deployment}").headers["Marathon-Deployment-Id"]
    removed = ask(api, "DELETE", f"/v2/pods{POD_ID}?force=true").headers["Marathon-Deployment-Id"]
    ask(api, "DELETE", "/v2/queue/none/delay")
    ask(api, "DELETE", "/v2/groups/none")

    anna = {"event": "write", "user": "anna"}
    here: Json = anna | {"pod_id": POD_ID}
    path = f"/v2/pods{POD_ID}"
    assert audited(lines) == [
        here | {"method": "POST", "path": "/v2/pods", "status": 201, "deployment_id": created},
        here | {"method": "POST", "path": "/v2/pods", "status": 409},
        here | {"method": "PUT", "path": path, "query": "force=true", "status": 200, "deployment_id": deployment},
        anna
        | {"method": "POST", "path": f"/v2/deployments/{deployment}/pause", "status": 200, "deployment_id": deployment},
        anna
        | {
            "method": "POST",
            "path": f"/v2/deployments/{deployment}/resume",
            "status": 200,
            "deployment_id": deployment,
        },
        here | {"method": "DELETE", "path": f"{path}::instances/{instance}", "status": 200, "instances": (instance,)},
        anna | {"method": "DELETE", "path": f"/v2/deployments/{deployment}", "status": 200, "deployment_id": reverted},
        here | {"method": "DELETE", "path": path, "query": "force=true", "status": 202, "deployment_id": removed},
        anna | {"method": "DELETE", "path": "/v2/queue/none/delay", "pod_id": "/none", "status": 404},
        anna | {"method": "DELETE", "path": "/v2/groups/none", "group_id": "/none", "status": 404},
    ]


def test_what_is_refused_before_it_is_read_has_a_line(api: Api, lines: list[Any]) -> None:
    ask(api, "POST", "/v2/pods", content=b"{")
    ask(api, "PATCH", "/v2/pods")
    ask(api, "POST", "/none")
    assert [(line["method"], line["path"], line["status"]) for line in audited(lines)] == [
        ("POST", "/v2/pods", 415),
        ("PATCH", "/v2/pods", 405),
        ("POST", "/none", 404),
    ]


def test_every_failed_login_has_a_line_also_for_reading(api: Api, lines: list[Any]) -> None:
    api("GET", "/v2/pods", headers=basic("anna:guess"))
    api("DELETE", f"/v2/pods{POD_ID}")
    assert [(line["event"], line["method"], line["path"], line["status"]) for line in audited(lines)] == [
        ("login failed", "GET", "/v2/pods", 401),
        ("login failed", "DELETE", f"/v2/pods{POD_ID}", 401),
    ]
    assert not [line for line in lines if "guess" in str(line)]


def test_reading_has_no_line(api: Api, lines: list[Any]) -> None:
    for path in ("/v2/pods", "/v2/pods::status", "/v2/info", "/none"):
        ask(api, "GET", path)
    assert audited(lines) == []


def test_a_fault_of_ours_has_a_line(api: Api, loop: FakeLoop, lines: list[Any]) -> None:
    loop.failure = RuntimeError("a bug")
    assert ask(api, "POST", "/v2/pods", json=POD).status_code == 500
    assert [line["status"] for line in audited(lines)] == [500]


def history(api: Api) -> list[Json]:
    """The history of the pod."""
    found: list[Json] = ask(api, "GET", f"/v2/pods{POD_ID}::history").json()
    return found


def test_a_pod_tells_who_changed_it(api: Api, loop: FakeLoop) -> None:
    first = ask(api, "POST", "/v2/pods", json=POD)
    loop.run_all()
    loop.now += 60
    second = ask(api, "PUT", f"/v2/pods{POD_ID}", json=POD | {"labels": {"a": "b"}})
    deployment = second.headers["Marathon-Deployment-Id"]
    ask(api, "POST", f"/v2/deployments/{deployment}/pause")
    ask(api, "POST", f"/v2/deployments/{deployment}/resume")
    ask(api, "DELETE", f"/v2/deployments/{deployment}", params={"force": "true"})
    third = ask(api, "PUT", f"/v2/pods{POD_ID}", json=POD | {"labels": {"a": "c"}})
    reverted = ask(api, "DELETE", f"/v2/deployments/{third.headers['Marathon-Deployment-Id']}").json()["deploymentId"]
    instance = ask(api, "GET", f"/v2/pods{POD_ID}::instances").json()[0]["id"]
    ask(api, "DELETE", f"/v2/pods{POD_ID}::instances/{instance}")
    found = history(api)

    assert {(each["user"], each["clientIp"]) for each in found} == {("anna", "127.0.0.1")}
    versions = [answer.json()["version"] for answer in (first, second, third)]
    assert [(each["action"], each["version"], each.get("deploymentId")) for each in found] == [
        ("created", versions[0], first.headers["Marathon-Deployment-Id"]),
        ("updated", versions[1], deployment),
        ("deployment paused", versions[1], deployment),
        ("deployment resumed", versions[1], deployment),
        ("deployment cancelled", versions[1], deployment),
        ("updated", versions[2], third.headers["Marathon-Deployment-Id"]),
        ("deployment rolled back", versions[1], reverted),
        ("instances killed", versions[1], None),
    ]
    assert found[1]["at"] > found[0]["at"]


def test_the_last_changes_are_kept(api: Api) -> None:
    ask(api, "POST", "/v2/pods", json=POD)
    for number in range(MOST_ENTRIES + 5):
        ask(api, "PUT", f"/v2/pods{POD_ID}?force=true", json=POD | {"labels": {"number": str(number)}})
    found = history(api)
    assert len(found) == MOST_ENTRIES
    assert found[-1]["version"] == ask(api, "GET", f"/v2/pods{POD_ID}").json()["version"]


def test_what_is_refused_or_changes_nothing_is_not_in_it(api: Api, loop: FakeLoop) -> None:
    ask(api, "POST", "/v2/pods", json=POD)
    before = history(api)
    ask(api, "POST", "/v2/pods", json=POD)
    ask(api, "PUT", f"/v2/pods{POD_ID}", json=POD | {"labels": {"a": "b"}})  # a deployment is running
    ask(api, "DELETE", f"/v2/pods{POD_ID}::instances/pod.instance-none")
    ask(api, "DELETE", f"/v2/queue{POD_ID}/delay")
    assert [each["action"] for each in before] == ["created"]
    assert [each["action"] for each in history(api)] == ["created", "delay reset"]


def test_without_credentials_there_is_no_name() -> None:
    api = Api(FakeLoop())
    api("POST", "/v2/pods", json=POD)
    (entry,) = api("GET", f"/v2/pods{POD_ID}::history").json()
    assert entry.keys() == {"at", "action", "version", "clientIp", "deploymentId", "outcome"}
    assert api("GET", "/v2/pods/none::history").status_code == 404


def test_strangers_do_not_fill_the_disk(api: Api, lines: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_LINES", 5)
    for _ in range(10):
        api("GET", "/ping")
        api("POST", "/v2/pods", json=POD)
    ask(api, "POST", "/v2/pods", json=POD)
    told = audited(lines)
    assert [(line["event"], line.get("left_out")) for line in told] == [*[("login failed", None)] * 5, ("write", 15)]
