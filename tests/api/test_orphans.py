"""``/v2/orphans``: running tasks that no record knows, over HTTP and with permissions."""

from pathlib import Path
from urllib.parse import quote

import pytest

from scheduler.core.events import StatusUpdated
from scheduler.model.records import Condition
from scheduler.observe.audit import AuditLog
from tests.api.app import Api
from tests.api.teams import Teams, definition
from tests.api.test_openapi import problems
from tests.fakes.loop import FakeLoop

UUID = "6b0d5a0f-1111-4222-8333-444455556666"
ODD = "odd %00 [x]\x1b[31m?#☃"


def found(loop: FakeLoop, *task_ids: str) -> None:
    """The master reports running tasks."""
    for each in task_ids:
        loop.happens(StatusUpdated(each, Condition.RUNNING, "A1", None, loop.now))


def task(safe_pod_id: str) -> str:
    """A task of a pod whose only container is called so as in ``definition``."""
    (one,) = definition("/x")["containers"]
    return f"{safe_pod_id}.instance-{UUID}.{one['name']}.1"


def executor(safe_pod_id: str) -> str:
    """The id of its orphan."""
    return f"instance-{safe_pod_id}.{UUID}"


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    """Both teams, with a lost task of each and one of nobody."""
    made = Teams(tmp_path)
    found(made.loop, task("team-a_lost"), task("team-b_lost"), ODD)
    return made


def path(orphan_id: str) -> str:
    return f"/v2/orphans/{quote(orphan_id, safe='')}"


def test_they_are_listed_as_documented(api: Api, loop: FakeLoop) -> None:
    assert api("GET", "/v2/orphans").json() == {"orphans": []}
    found(loop, task("a_lost"), ODD)
    shown = api("GET", "/v2/orphans").json()["orphans"]

    assert [each["podId"] for each in shown] == ["/a/lost", None]
    assert [each["tasks"][0]["id"] for each in shown] == [task("a_lost"), ODD]
    for each in shown:
        assert problems(each, "Orphan") == []


def test_one_is_adopted(api: Api, loop: FakeLoop) -> None:
    found(loop, task("a_lost"))
    answer = api("PUT", path(executor("a_lost")), json=definition("/a/lost"))

    assert (answer.status_code, answer.json()["id"]) == (200, "/a/lost")
    assert answer.headers["Marathon-Deployment-Id"]
    (instance,) = api("GET", "/v2/pods/a/lost::instances").json()
    assert instance["id"] == f"a_lost.instance-{UUID}"
    assert api("GET", "/v2/orphans").json() == {"orphans": []}
    assert api("GET", "/v2/pods/a/lost::history").json()


def test_one_is_adopted_by_a_pod_that_exists(api: Api, loop: FakeLoop) -> None:
    found(loop, task("a_lost"))
    api("POST", "/v2/pods", json=definition("/a/lost"))
    answer = api("PUT", path(executor("a_lost")), json=definition("/a/lost"))

    assert answer.status_code == 200
    assert "Marathon-Deployment-Id" not in answer.headers
    assert "orphan adopted" in [each["action"] for each in api("GET", "/v2/pods/a/lost::history").json()]


def test_what_does_not_fit_is_refused_with_its_path(api: Api, loop: FakeLoop) -> None:
    found(loop, task("a_lost"))
    answer = api("PUT", path(executor("a_lost")), json=definition("/a/other"))

    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["details"]] == ["/id"]
    assert "of the pod '/a/lost'" in str(answer.json()["details"])


def test_one_is_killed_whatever_its_id(api: Api, loop: FakeLoop) -> None:
    found(loop, ODD)
    assert api("DELETE", path(ODD)).status_code == 204
    assert loop.world.abandoned[ODD].tasks == (ODD,), "it is killed until it has ended"
    assert api("DELETE", path(ODD)).status_code == 404


def test_one_that_is_not_there(api: Api) -> None:
    for method, more in (("DELETE", {}), ("PUT", {"json": definition("/a/lost")})):
        answer = api(method, path("x"), **more)
        assert (answer.status_code, answer.json()["message"]) == (404, "Orphan 'x' does not exist")


def test_callers_see_those_of_the_pods_that_they_may_view(teams: Teams) -> None:
    seen = {
        user: [each["id"] for each in teams.get(user, "/v2/orphans")["orphans"]]
        for user in ("root", "watcher", "alice", "stranger")
    }
    everything = [executor("team-a_lost"), executor("team-b_lost"), ODD]
    assert seen == {"root": everything, "watcher": everything, "alice": everything[:1], "stranger": []}


@pytest.mark.parametrize(
    ("user", "orphan_id", "pod_id", "status"),
    [
        ("alice", executor("team-b_lost"), "/team-b/lost", 404),
        ("alice", ODD, "/team-a/lost", 404),
        ("alice", executor("team-a_lost"), "/team-b/lost", 403),
        ("watcher", executor("team-a_lost"), "/team-a/lost", 403),
        ("stranger", executor("team-a_lost"), "/team-a/lost", 404),
    ],
    ids=["of another team", "of nobody", "for another team", "only viewing", "a stranger"],
)
def test_nobody_adopts_what_is_not_theirs(teams: Teams, user: str, orphan_id: str, pod_id: str, status: int) -> None:
    answer = teams.ask(user, "PUT", path(orphan_id), json=definition(pod_id))
    assert answer.status_code == status
    assert teams.loop.asked == []


@pytest.mark.parametrize(
    ("user", "orphan_id", "status"),
    [
        ("watcher", executor("team-a_lost"), 403),
        ("watcher", ODD, 403),
        ("alice", executor("team-b_lost"), 404),
        ("alice", ODD, 404),
        ("alice", executor("team-a_lost"), 204),
        ("boss", ODD, 204),
    ],
    ids=["only viewing", "only viewing, of nobody", "of another team", "of nobody", "her own", "a boss, of nobody"],
)
def test_nobody_kills_what_is_not_theirs(teams: Teams, user: str, orphan_id: str, status: int) -> None:
    assert teams.ask(user, "DELETE", path(orphan_id)).status_code == status
    assert len(teams.loop.asked) == (status == 204)


def test_both_have_a_line_in_the_audit_log(loop: FakeLoop, tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    api = Api(loop, audit=AuditLog(file))
    found(loop, task("a_lost"), ODD)
    api("PUT", path(executor("a_lost")), json=definition("/a/lost"))
    api("DELETE", path(ODD))
    first, second = file.read_text().splitlines()

    assert f'"orphan_id":"{executor("a_lost")}"' in first.replace('": "', '":"')
    assert '"pod_id"' in first
    assert '"orphan_id"' in second
    assert '"pod_id"' not in second
