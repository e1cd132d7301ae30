"""What masters, agents and executors send is in no list more than one bad entry, however bad it is."""

import json
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from scheduler.core.effects import Publish
from scheduler.core.views import deployment, pod_status, queue
from scheduler.loop.bus import Bus
from scheduler.mesos.codec import parsed, status_updated
from scheduler.mesos.typed_status import read_status
from scheduler.model.times import timestamp
from scheduler.store.codec import encode
from tests.api.app import Api
from tests.fakes.loop import FakeLoop

LISTS = [
    "/v2/pods",
    "/v2/pods::status",
    "/v2/pods::status?embed=podexec",
    "/v2/pods/bad::status?embed=podexec",
    "/v2/pods/bad::instances",
    "/v2/pods/bad::timeline",
    "/v2/queue?embed=lastUnusedOffers&embed=podexec",
    "/v2/deployments?embed=podexec",
    "/v2/groups?embed=group.pods&embed=group.groups&embed=podexec",
    "/metrics",
]
LARGEST = 256 * 1024  # bytes of a list of two small pods, and of a record
DIGITS = "Command exited with status " + "9" * 5000
TEXTS = [
    DIGITS,
    "exited with status 18446744073709551616",
    "exited with status \N{ARABIC-INDIC DIGIT FOUR}",
    "\ud800 half a pair",
    "\0\x1b[2J\x85\u2028",
    "x" * 1_000_000,
    "\n" * 100_000,
]


def labels(**members: str) -> dict[str, Any]:
    return {"labels": [{"key": key, "value": value} for key, value in members.items()]}


def finding(check: str, passed: Any, result: str) -> str:
    return json.dumps([{"check": check, "passed": passed, "result": result}] * (3 if len(check) > 10_000 else 1000))


MEMBERS: list[dict[str, Any]] = [
    *({"state": "TASK_FAILED", "message": text} for text in TEXTS),
    *({"state": "TASK_FAILED", "reason": text, "source": text} for text in TEXTS),
    *(
        {"container_status": {"network_infos": [{"name": text, "ip_addresses": [{"ip_address": text}]}]}}
        for text in TEXTS
    ),
    {"container_status": {"network_infos": [{"ip_addresses": [{"ip_address": str(n)} for n in range(1000)]}] * 1000}},
    *({"labels": labels(checks=finding(text, True, text))} for text in TEXTS),
    {"labels": labels(restarts="9" * 5000, ready="maybe", checks="[" * 5000)},
    {"labels": labels(checks='[{"check": 1e999, "passed": 1, "result": ' + "9" * 5000 + "}]")},
    {"check_status": {"command": {"exit_code": "9" * 1_000_000}}},
    {"check_status": {"http": {"status_code": 10**19}}},
    {"timestamp": 1e19},
    {"timestamp": -1e18},
]


def definition(pod_id: str) -> dict[str, Any]:
    check = {"exec": {"command": {"shell": "true"}}}
    return {"id": pod_id, "containers": [{"name": "one", "resources": {"cpus": 0.1, "mem": 32}, "healthCheck": check}]}


@pytest.fixture
def loop() -> FakeLoop:
    """Two running pods, /good and /bad."""
    loop = FakeLoop()
    api = Api(loop)
    for pod_id in ("/good", "/bad"):
        assert api("POST", "/v2/pods", json=definition(pod_id)).status_code == 201
    loop.run_all()
    return loop


def report(loop: FakeLoop, members: dict[str, Any]) -> None:
    """A status of the task of /bad, as a master sends it."""
    [task_id] = (each for each in loop.world.tasks if each.startswith("bad."))
    status = {"task_id": {"value": task_id}, "agent_id": {"value": "A1"}, "state": "TASK_RUNNING", "uuid": "dQ=="}
    event = {"type": "UPDATE", "update": {"status": status | members}}
    record = json.dumps(event, ensure_ascii=False).encode(errors="surrogatepass")
    loop.happens(read_status(record, 1.0) or status_updated(parsed(record)["update"]["status"], 1.0))


@pytest.mark.parametrize("members", MEMBERS, ids=lambda each: repr(each)[:60])
def test_no_status_breaks_a_list_or_fills_it(loop: FakeLoop, members: dict[str, Any]) -> None:
    report(loop, members)
    api = Api(loop)
    for path in LISTS:
        answer = api("GET", path)
        assert answer.status_code == 200, path
        assert len(answer.content) < LARGEST, path
    for instance in loop.world.instances.values():
        assert len(str(encode(instance))) < LARGEST
    assert not loop.world.volatile.unshowable, "nothing is left to the last resort"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Command exited with status 137", 137),
        ("exited with status 0, and more", 0),
        ("exited with status 9999999999", 9_999_999_999),
        ("exited with status 99999999999", None),
        (DIGITS, None),
    ],
)
def test_an_exit_code_is_a_number_that_everybody_can_read(loop: FakeLoop, text: str, code: int | None) -> None:
    report(loop, {"state": "TASK_FAILED", "message": text})
    [instance] = Api(loop)("GET", "/v2/pods/bad::instances").json()
    assert instance["containers"][0]["termination"].get("exitCode") == code


# --------------------------------------------------------------------- the last resort


class Unwritable:
    """A value that was not foreseen."""


def bad_entries(monkeypatch: pytest.MonkeyPatch, failing: Any) -> None:
    """Whatever belongs to /bad can no longer be shown."""

    def of(module: Any, name: str, pod_of: Any) -> None:
        original = getattr(module, name)

        def shown(world: Any, each: Any, *rest: Any, **more: Any) -> Any:
            return failing() if "bad" in pod_of(world, each) else original(world, each, *rest, **more)

        monkeypatch.setattr(module, name, shown)

    of(pod_status, "_instance_status", lambda _, instance: instance.pod_id)
    of(queue, "_entry", lambda world, each: world.instances[next(iter(world.queues.waiting[each]))].pod_id)
    of(deployment, "deployment_view", lambda _, each: str(each.changes))


def fails() -> Any:
    raise ZeroDivisionError("nobody thought of this")


@pytest.mark.parametrize("failing", [fails, lambda: {"x": 2**64}, lambda: {"x": "\ud800"}, lambda: {"x": Unwritable()}])
def test_an_entry_that_cannot_be_shown_leaves_the_others_and_is_logged_once(
    loop: FakeLoop, monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    api = Api(loop)
    for pod_id in ("/other/good", "/other/bad"):
        assert api("POST", "/v2/pods", json=definition(pod_id)).status_code == 201  # they wait
    bad_entries(monkeypatch, failing)
    with capture_logs() as logs:
        for _ in range(3):
            instances = {each["id"]: each["instances"][0] for each in api("GET", "/v2/pods::status").json()[:2]}
            assert "cannot be shown" not in instances["/good"]["message"]
            assert "cannot be shown" in instances["/bad"]["message"]
            waiting = api("GET", "/v2/queue").json()["queue"]
            assert [("message" in each, each["count"]) for each in waiting] == [(False, 1), (True, 1)]
            running = api("GET", "/v2/deployments").json()
            assert sorted("message" in each for each in running) == [False, False, True, True]
            assert {each["id"] for each in api("GET", "/v2/groups").json()["pods"]} == {"/good", "/bad"}
            assert "cannot be shown" in api("GET", "/v2/pods/bad::instances").json()[0]["message"]
    told = [line for line in logs if line["event"] == "a record cannot be shown"]
    assert len(told) == len({line["record"] for line in told}) == 4, "an instance, a queue, two deployments"


def test_an_event_that_cannot_be_written_says_so_and_others_are_published() -> None:
    bus = Bus()
    events = [Publish("one", {"x": 1}, 0.0), Publish("bad", {"x": 2**64}, 0.0), Publish("two", {"x": 2}, 0.0)]
    written = [orjson.loads(bytes(each.data)) for each in bus.assign_numbers(events)]
    assert [each.get("x") for each in written] == [1, None, 2]
    assert written[1]["eventType"] == "bad"
    assert "cannot be written" in written[1]["message"]
    assert {each["timestamp"] for each in written} == {timestamp(0.0)}
