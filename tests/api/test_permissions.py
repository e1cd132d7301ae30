"""Who may do what: every route asks for a permission, and shows only what its caller may view."""

import re
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from structlog.testing import capture_logs

from scheduler.access.permissions import Permission, Role
from scheduler.api import executor, ui
from scheduler.api.access import Access
from scheduler.api.inside.guard import Guard
from scheduler.api.needs import any_caller
from scheduler.api.routes import CheckedRoute, CheckedWebSocketRoute
from scheduler.core.events import StatusUpdated
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.observe.audit import AuditLog
from tests.api.app import Api, app_over
from tests.api.teams import POD_IDS, Teams, bearer, definition, teams_file
from tests.fakes.loop import FakeLoop

# What anyone with valid credentials may ask: nothing of a pod is in it.
FOR_ANY_CALLER = {
    "/docs",
    "/metrics",
    "/metrics/prometheus",
    "/openapi.json",
    "/ping",
    "/session",
    "/v2/info",
    "/v2/leader",
    "/v2/schemas/pod",
}


# What needs no credentials: agents have none, and nobody has any before the form to log in is shown.
FOR_EVERYBODY = {executor.PREFIX + "{sha256}", "/", "/ui", ui.PREFIX + "{path:path}"}


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    """The API with pods of two teams."""
    return Teams(tmp_path)


def routes() -> list[Any]:
    """All routes of the app."""
    return list(app_over(FakeLoop()).routes)


def test_every_route_states_what_it_needs() -> None:
    unchecked = {each.path for each in routes() if not isinstance(each, CheckedRoute | CheckedWebSocketRoute)}
    assert unchecked == FOR_EVERYBODY
    assert {each.path.rstrip("/") for each in routes() if getattr(each, "needs", None) is any_caller} == FOR_ANY_CALLER


def filled(path: str, pod_id: str, deployment_id: str) -> str:
    """A route's path for a pod or deployment."""
    values = {
        "pod_id:path": pod_id.strip("/"),
        "group_id:path": pod_id.strip("/").rpartition("/")[0],
        "deployment_id": deployment_id,
        "orphan_id:path": deployment_id,
        "instance_id": pod_id.strip("/").replace("/", "_") + ".instance-1",
        "version": "2026-01-31T12:00:00.000Z",
    }
    return re.sub(r"\{([^}]*)\}", lambda found: values[found[1]], path)


ASKED = sorted(
    {
        (route.path, method)
        for route in routes()
        if isinstance(route, Route) and (route.path.rstrip("/") or "/") not in FOR_ANY_CALLER | FOR_EVERYBODY
        for method in route.methods or ()
        if method != "HEAD"
    }
    | {("/v2/leader", "DELETE")}
)


@pytest.mark.parametrize(("path", "method"), ASKED)
def test_a_stranger_changes_nothing_and_does_not_learn_what_exists(teams: Teams, path: str, method: str) -> None:
    """The answers about things that exist and others that do not differ only in the name that was asked for."""
    if path.rstrip("/") == "/v2/events":
        return  # endless: see test_streams_of_callers
    existing = next(iter(teams.loop.world.deployments))
    teams.loop.happens(StatusUpdated(existing, Condition.RUNNING, "A1", None, teams.loop.now))  # an orphan of that name
    answers = []
    for pod_id, deployment_id in (("/team-b/hidden", existing), ("/nothing/there", "9a1b")):
        body: Any = ["team-b_hidden.instance-1"] if "instances" in path else definition(pod_id)
        more: dict[str, Any] = {"json": body} if method in ("POST", "PUT", "DELETE") else {}
        if "archive" in path:
            more["headers"] = {"Content-Type": "application/x-tar"}
        answer = teams.ask("stranger", method, filled(path, pod_id, deployment_id), **more)
        text = re.sub(f"{pod_id[1:]}|team-b|nothing|{deployment_id}", "…", answer.text)
        answers.append((answer.status_code, text.replace("/hidden", "").replace("/there", "")))
    assert answers[0] == answers[1]
    assert answers[0][0] in (200, 403, 404, 405)
    assert "hidden" not in answers[0][1]
    assert "team-a" not in answers[0][1]
    assert teams.loop.asked == []
    assert not teams.loop.abdicated


def test_what_anyone_with_credentials_may_ask_names_no_pod(teams: Teams) -> None:
    teams.loop.run_all()
    for path in FOR_ANY_CALLER:
        answer = teams.ask("stranger", "GET", path)
        assert (path, answer.status_code) == (path, 200)
        assert "team-b" not in answer.text, path


def test_a_refusal_says_who_lacks_what_where(teams: Teams) -> None:
    for user, method, path, lacking in (
        ("reader", "DELETE", "/v2/pods/team-a/web", "reader lacks 'operate' on /team-a/web"),
        ("reader", "GET", "/v2/pods//team-b/web/::status", "reader lacks 'view' on /team-b/web"),
        ("reader", "GET", "/v2/pods/team-a/web::files", "reader lacks 'files' on /team-a/web"),
        ("alice", "DELETE", "/v2/groups/team-b", "alice lacks 'operate' on /team-b/**"),
        ("boss", "DELETE", "/v2/leader", "boss lacks 'admin' on /**"),
        ("alice", "DELETE", "/v2/queue//team-b/web/delay", "alice lacks 'operate' on /team-b/web"),
    ):
        answer = teams.ask(user, method, path)
        assert (answer.status_code, answer.json()["message"]) == (403, lacking)
    assert teams.loop.asked == []


@pytest.mark.parametrize(
    "spelling",
    ["team-b/web", "/team-b/web", "//team-b//web/", "team-a/%2E%2E/team-b/web", "team-a/../team-b/web", "team-b/./web"],
)
def test_another_spelling_of_an_id_is_no_way_around(teams: Teams, spelling: str) -> None:
    before = teams.loop.world.pods["/team-b/web"]
    for method, more in (("GET", {}), ("DELETE", {}), ("PUT", {"json": definition("/team-b/web")})):
        for slash in ("/", "%2F"):
            answer = teams.ask("alice", method, f"/v2/pods/{spelling.replace('/', slash)}", **more)
            assert answer.status_code in (400, 403, 404), answer.text
    assert teams.loop.world.pods["/team-b/web"] is before


@pytest.mark.parametrize(
    "pod_id", ["/team-a/../team-b/new", "/team-a/x/../../team-b/new", "/team-a/..", "//team-b/new"]
)
def test_an_id_in_a_body_does_not_lead_out_of_a_group(teams: Teams, pod_id: str) -> None:
    answer = teams.ask("alice", "POST", "/v2/pods", json=definition(pod_id))
    assert answer.status_code in (403, 422)
    assert list(teams.loop.world.pods) == list(POD_IDS)


# The least role that each request needs, on the pod.
@pytest.mark.parametrize(
    ("method", "suffix", "role"),
    [
        ("GET", "", Role.VIEW),
        ("GET", "::status", Role.VIEW),
        ("GET", "::versions", Role.VIEW),
        ("GET", "::instances", Role.VIEW),
        ("GET", "::logs", Role.VIEW),
        ("GET", "::usage", Role.VIEW),
        ("GET", "::files", Role.OPERATE),
        ("GET", "::files/read?path=x", Role.OPERATE),
        ("GET", "::archive?path=x", Role.OPERATE),
        ("PUT", "::archive?path=x", Role.OPERATE),
        ("DELETE", "::instances/team-a_web.instance-1", Role.OPERATE),
        ("DELETE", "", Role.OPERATE),
    ],
)
def test_the_role_that_a_request_needs(teams: Teams, method: str, suffix: str, role: Role) -> None:
    for user, has in (("reader", Role.VIEW), ("web", Role.OPERATE), ("root", Role.ADMIN)):
        status = teams.ask(user, method, f"/v2/pods/team-a/web{suffix}").status_code
        assert (status == 403) == (list(Role).index(has) < list(Role).index(role)), user


def test_single_permissions_are_given_and_withheld(teams: Teams) -> None:
    for user, suffix, refused in (
        ("careful", "::logs", False),
        ("careful", "::files", True),
        ("careful", "::archive?path=x", True),
        ("logger", "::logs", False),
        ("logger", "::usage", True),
        ("logger", "::status", True),
    ):
        answer = teams.ask(user, "GET", f"/v2/pods/team-a/web{suffix}")
        assert ("lacks" in answer.json().get("message", "")) == refused, (user, suffix) if answer.content else None
    assert teams.ask("careful", "DELETE", "/v2/pods/team-a/web?force=true").status_code == 202


def ids(listed: list[Json]) -> list[str]:
    """Of pods."""
    return [each["id"] for each in listed]


def test_lists_show_the_pods_that_one_may_view(teams: Teams) -> None:
    teams.loop.run_all()
    for path in ("/v2/pods", "/v2/pods/::status", f"/v2/pods::status?embed={KEY}"):
        for user, seen in (
            ("root", list(POD_IDS)),
            ("watcher", list(POD_IDS)),
            ("alice", ["/team-a/web", "/team-a/db"]),
            ("reader", ["/team-a/web"]),
            ("logger", []),
            ("stranger", []),
        ):
            assert ids(teams.get(user, path)) == seen


def test_groups_show_the_pods_that_one_may_view_and_no_group_without(teams: Teams) -> None:
    whole = teams.get("root", "/v2/groups")
    assert ids(whole["groups"]) == ["/team-a", "/team-b"]
    assert teams.get("watcher", "/v2/groups") == whole
    mine = teams.get("alice", "/v2/groups")
    assert ids(mine["groups"]) == ["/team-a"]
    assert ids(mine["groups"][0]["pods"]) == ["/team-a/web", "/team-a/db"]
    assert ids(teams.get("reader", "/v2/groups/team-a")["pods"]) == ["/team-a/web"]
    assert teams.get("stranger", "/v2/groups")["groups"] == []
    assert teams.ask("alice", "GET", "/v2/groups/team-b").json() == {
        "message": "Group '/team-b' does not exist",
        "details": [],
    }
    all_versions, seen = teams.get("root", "/v2/groups/versions"), teams.get("reader", "/v2/groups/versions")
    assert set(seen) < set(all_versions) or len(all_versions) == 1
    assert ids(teams.get("alice", f"/v2/groups/versions/{all_versions[-1]}")["groups"]) == ["/team-a"]
    assert teams.ask("alice", "GET", "/v2/groups/team-b/versions").status_code == 404


def test_the_queue_shows_the_pods_that_one_may_view(teams: Teams) -> None:
    waiting = {
        user: teams.get(user, "/v2/queue?embed=lastUnusedOffers")["queue"] for user in ("root", "alice", "reader")
    }
    assert [each["pod"]["id"] for each in waiting["root"]] == list(POD_IDS)
    assert [each["pod"]["id"] for each in waiting["alice"]] == ["/team-a/web", "/team-a/db"]
    assert [each["pod"]["id"] for each in waiting["reader"]] == ["/team-a/web"]


def test_a_deployment_is_shown_to_those_who_may_view_all_of_its_pods(teams: Teams) -> None:
    teams.loop.run_all()
    removal = teams.ask("root", "DELETE", "/v2/groups/team-a").json()["deploymentId"]
    mine, others = ({each["id"] for each in teams.get(user, "/v2/deployments")} for user in ("alice", "reader"))
    assert (mine, others) == ({removal}, set())
    assert teams.get("alice", "/v2/deployments")[0]["affectedPods"] == ["/team-a/db", "/team-a/web"]
    for method, suffix in (("DELETE", ""), ("DELETE", "?force=true"), ("POST", "/pause"), ("POST", "/resume")):
        hidden = teams.ask("web", method, f"/v2/deployments/{removal}{suffix}")
        assert (hidden.status_code, hidden.json()["message"]) == (404, f"Deployment '{removal}' does not exist")
        seen = teams.ask("watcher", method, f"/v2/deployments/{removal}{suffix}")
        assert (seen.status_code, seen.json()["message"]) == (
            403,
            f"watcher lacks 'operate' on all pods of deployment {removal}",
        )
    assert teams.ask("alice", "POST", f"/v2/deployments/{removal}/pause").status_code == 200


def test_a_pod_is_made_only_where_one_may_operate(teams: Teams) -> None:
    for pod_id, status in (("/team-a/new", 201), ("/team-b/new", 403), ("/team-ab/new", 403), ("/new", 403)):
        answer = teams.ask("alice", "POST", "/v2/pods", json=definition(pod_id))
        assert (pod_id, answer.status_code) == (pod_id, status)
    taken, free = (
        teams.ask("alice", "POST", "/v2/pods", json=definition(f"/team-b/{name}")).json()["message"]
        for name in ("hidden", "free")
    )
    assert taken.replace("hidden", "free") == free
    renamed = teams.ask("alice", "PUT", "/v2/pods/team-a/web", json=definition("/team-b/web"))
    assert renamed.status_code == 400
    assert teams.ask("web", "PUT", "/v2/pods/team-a/web", json=definition("/team-a/web")).status_code == 200
    assert {"/team-a/new", *POD_IDS} == set(teams.loop.world.pods)


def test_a_dependency_does_not_tell_whether_a_pod_exists(teams: Teams) -> None:
    for name in ("hidden", "free"):
        wanted = definition("/team-a/new", dependencies=[f"/team-b/{name}"])
        answer = teams.ask("alice", "POST", "/v2/pods", json=wanted)
        assert (answer.status_code, answer.json()["message"]) == (403, f"alice lacks 'view' on /team-b/{name}")
    mine = {"json": definition("/team-a/new", dependencies=["/team-a/db"])}
    assert teams.ask("alice", "POST", "/v2/pods", **mine).status_code == 201
    both = {"json": definition("/team-a/web", dependencies=["/team-b/web"])}
    assert teams.ask("alice", "PUT", "/v2/pods/team-a/web?force=true", **both).status_code == 403
    assert teams.ask("root", "PUT", "/v2/pods/team-a/web?force=true", **both).status_code == 200
    assert teams.ask("alice", "PUT", "/v2/pods/team-a/web?force=true", **both).status_code == 200, "it is there already"


def test_a_refused_removal_does_not_name_pods_that_one_may_not_view(teams: Teams) -> None:
    teams.loop.run_all()
    needing = definition("/team-b/needing", dependencies=["/team-a/db"])
    assert teams.ask("root", "POST", "/v2/pods", json=needing).status_code == 201
    answer = teams.ask("alice", "DELETE", "/v2/pods/team-a/db")
    assert answer.status_code == 409
    assert "team-b" not in answer.text
    assert "/team-b/needing" in teams.ask("root", "DELETE", "/v2/pods/team-a/db").text


def test_force_does_not_cancel_a_deployment_of_pods_that_one_may_not_operate(teams: Teams) -> None:
    teams.loop.run_all()
    removal = teams.ask("root", "DELETE", "/v2/groups/team-a").json()["deploymentId"]
    for method, path, more in (
        ("PUT", "/v2/pods/team-a/web?force=true", {"json": definition("/team-a/web")}),
        ("POST", "/v2/pods?force=true", {"json": definition("/team-a/web")}),
    ):
        refused = teams.ask("web", method, path, **more)
        assert (refused.status_code, "db" in refused.text) == (403, False)
    assert removal in teams.loop.world.deployments
    assert (
        teams.ask("alice", "PUT", "/v2/pods/team-a/web?force=true", json=definition("/team-a/web")).status_code == 200
    )


def test_a_group_is_removed_only_by_those_who_may_operate_all_that_could_be_in_it(teams: Teams) -> None:
    assert teams.ask("web", "DELETE", "/v2/groups/team-a").status_code == 403
    assert teams.ask("alice", "DELETE", "/v2/groups/team-a?force=true").status_code == 200
    assert teams.ask("alice", "DELETE", "/v2/groups/team-c").status_code == 403
    assert teams.ask("root", "DELETE", "/v2/groups/team-c").status_code == 404


def test_instances_of_other_pods_cannot_be_killed_through_ones_own(teams: Teams) -> None:
    teams.loop.run_all()
    other = next(each.id for each in teams.loop.world.instances.values() if each.pod_id == "/team-b/web")
    assert teams.ask("alice", "DELETE", f"/v2/pods/team-a/web::instances/{other}").status_code == 404
    assert teams.ask("alice", "DELETE", "/v2/pods/team-a/web::instances", json=[other]).json() == []
    conditions = {task.condition for task in teams.loop.world.instances[other].tasks}
    assert conditions == {Condition.RUNNING}


def test_allow_inside_stays_the_upper_bound(tmp_path: Path) -> None:
    """A role cannot give what the scheduler does not allow anyone."""
    loop = FakeLoop()
    api = Api(loop, Access(principals=teams_file(tmp_path)), guard=Guard(frozenset({Permission.LOGS})))
    headers = bearer("root")
    assert api("POST", "/v2/pods", json=definition("/team-a/web"), headers=headers).status_code == 201
    loop.run_all()
    answer = api("GET", "/v2/pods/team-a/web::usage", headers=headers)
    assert (answer.status_code, "--allow-inside" in answer.text) == (403, True)


def test_what_is_refused_has_a_line_in_the_audit_log(teams: Teams) -> None:
    with capture_logs() as logs:
        api = Api(teams.loop, Access(principals=teams.file), audit=AuditLog())
        api("GET", "/v2/pods/team-b/web::logs", headers=bearer("alice"))
        api("DELETE", "/v2/pods/team-b/web", headers=bearer("alice"))
        api("GET", "/v2/pods/team-a/web::status", headers=bearer("alice"))
        api("GET", "/v2/pods", headers={"Authorization": "Bearer podexec_x"})
    lines = [
        {name: each.get(name) for name in ("event", "user", "token", "lacks", "reason")}
        for each in logs
        if each["event"] != "wrong credentials"  # of the throttle
    ]
    hers = {"user": "alice", "token": "default", "reason": None}
    assert lines == [
        {"event": "refused", "lacks": "'logs' on /team-b/web"} | hers,
        {"event": "write", "lacks": "'operate' on /team-b/web"} | hers,
        {
            "event": "login failed",
            "user": None,
            "token": None,
            "lacks": None,
            "reason": "The token is unknown or was revoked",
        },
    ]
    assert "podexec_x" not in str(logs)
