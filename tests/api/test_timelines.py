"""``GET /v2/pods/ID::timeline``."""

from pathlib import Path

import pytest

from scheduler.model.records import Condition
from tests.api.app import Api
from tests.api.teams import Teams
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.fakes.loop import FakeLoop

TIMELINE = "/v2/pods/product/web::timeline"


@pytest.fixture
def instance_id(api: Api, loop: FakeLoop) -> str:
    """An instance that has failed once."""
    api("POST", "/v2/pods", json=POD)
    loop.run_all()
    loop.now += 1
    loop.tell(Condition.FAILED, "exited with status 3 [red]\x1b[31m")
    (only,) = loop.world.instances.values()
    return only.id


@pytest.mark.parametrize("path", [TIMELINE, f"{TIMELINE}/", "/v2/pods//product/web/::timeline"])
def test_a_pods_timeline(api: Api, instance_id: str, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 200
    told = [(each["what"], each.get("instance", "")) for each in answer.json()["happenings"]]
    assert ("launched", instance_id) in told
    assert ("ended", instance_id) in told
    assert problems(answer.json(), "Timeline") == []


def test_an_instances_timeline_has_the_cause_of_its_end(api: Api, instance_id: str) -> None:
    answer = api("GET", TIMELINE, params={"instance": instance_id})
    ended = next(each for each in answer.json()["happenings"] if each["what"] == "ended")
    assert ended["cause"] == "one: exited with status 3 [red]\N{REPLACEMENT CHARACTER}[31m"
    assert problems(answer.json(), "Timeline") == []


@pytest.mark.parametrize(
    "path",
    [
        "/v2/pods/none::timeline",
        f"{TIMELINE}?instance=other",
        f"{TIMELINE}?instance=%1b%5b31m%00",
        f"{TIMELINE}?instance=",
        pytest.param(f"{TIMELINE}?instance={'x' * 30_000}", id="long"),
    ],
)
def test_nothing_is_known_of_what_is_not_there(api: Api, instance_id: str, path: str) -> None:
    answer = api("GET", path)
    assert answer.status_code == 404
    assert "\x1b" not in answer.text


def test_only_those_who_may_view_the_pod_see_it(tmp_path: Path) -> None:
    teams = Teams(tmp_path)
    by_user = {
        user: teams.ask(user, "GET", "/v2/pods/team-a/web::timeline").status_code
        for user in ("root", "watcher", "reader", "alice", "logger", "stranger")
    }
    assert by_user == {
        **dict.fromkeys(("root", "watcher", "reader", "alice"), 200),
        **dict.fromkeys(("logger", "stranger"), 403),
    }


def test_the_history_says_what_became_of_a_deployment(api: Api, loop: FakeLoop) -> None:
    api("POST", "/v2/pods", json=POD)
    path = "/v2/pods/product/web::history"
    (running,) = api("GET", path).json()
    assert (running["outcome"], "endedAt" in running) == ("running", False)
    loop.now += 1
    loop.run_all()
    (finished,) = api("GET", path).json()
    assert (finished["outcome"], finished["endedAt"]) == ("finished", "1970-01-12T13:46:41.000Z")
    changing = api("PUT", "/v2/pods/product/web", json=POD | {"environment": {"A": "b"}})
    api("DELETE", f"/v2/deployments/{changing.headers['Marathon-Deployment-Id']}?force=true")
    outcomes = [(each["action"], each.get("outcome"), each.get("failure")) for each in api("GET", path).json()]
    assert outcomes == [
        ("created", "finished", None),
        ("updated", "failed", "cancelled on request"),
        ("deployment cancelled", None, None),
    ]
    assert [problems(each, "PodHistoryEntry") for each in api("GET", path).json()] == [[], [], []]
