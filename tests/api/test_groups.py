"""``/v2/groups``: the pods below a path, and removing them."""

from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.views.groups import group_ids
from scheduler.model.roles import EnforceRole
from tests.api.app import Api
from tests.api.test_openapi import problems
from tests.api.test_pods import POD
from tests.fakes.loop import SETTINGS, FakeLoop

PODS = ("/top", "/shop/web", "/shop/back/db", "/shop/back/cache", "/shopping")


@pytest.fixture
def pods(api: Api, loop: FakeLoop) -> None:
    """Pods at several depths, the later ones newer."""
    for pod_id in PODS:
        loop.now += 1
        assert api("POST", "/v2/pods", json=POD | {"id": pod_id}).status_code == 201


def shape(group: dict[str, Any]) -> dict[str, Any]:
    """The ids of a group's pods, and of those of the groups in it."""
    assert problems(group, "Group") == []
    inner = {each["id"]: shape(each) for each in group.get("groups", ())}
    return {"": [pod["id"] for pod in group.get("pods", ())], **inner}


def test_without_pods_there_is_only_the_root(api: Api) -> None:
    assert api("GET", "/v2/groups").json() == {
        "id": "/",
        "apps": [],
        "pods": [],
        "groups": [],
        "dependencies": [],
        "version": "1970-01-01T00:00:00.000Z",
        "enforceRole": False,
    }


@pytest.mark.parametrize("path", ["/v2/groups", "/v2/groups/", "/v2/groups//"])
def test_the_root_holds_all(api: Api, pods: None, path: str) -> None:
    assert shape(api("GET", path).json()) == {
        "": ["/top", "/shopping"],
        "/shop": {"": ["/shop/web"], "/shop/back": {"": ["/shop/back/db", "/shop/back/cache"]}},
    }


@pytest.mark.parametrize("path", ["/v2/groups/shop/back", "/v2/groups//shop/back/", "/v2/groups/shop%2Fback"])
def test_one_group(api: Api, pods: None, path: str) -> None:
    group = api("GET", path).json()
    assert shape(group) == {"": ["/shop/back/db", "/shop/back/cache"]}
    assert group["pods"][0] == api("GET", "/v2/pods/shop/back/db::status").json()
    assert group["version"] == api("GET", "/v2/pods/shop/back/cache").json()["version"]


def test_only_what_is_asked_for_is_shown(api: Api, pods: None) -> None:
    group = api("GET", "/v2/groups/shop?embed=group.pods").json()
    assert [pod["id"] for pod in group["pods"]] == ["/shop/web"]
    assert "groups" not in group
    assert "apps" not in group
    group = api("GET", "/v2/groups/shop?embed=group.groups&embed=group.apps").json()
    assert "pods" not in group
    assert [(each["id"], each["apps"], "pods" in each) for each in group["groups"]] == [("/shop/back", [], False)]


def test_groups_at_the_top_may_enforce_their_name_as_role() -> None:
    api = Api(FakeLoop(replace(SETTINGS, new_group_enforce_role=EnforceRole.TOP)))
    api("POST", "/v2/pods", json=POD | {"id": "/shop/back/db", "role": "shop"})
    root = api("GET", "/v2/groups").json()
    (top,) = root["groups"]
    (inner,) = top["groups"]
    assert [each["enforceRole"] for each in (root, top, inner)] == [False, True, False]


def test_the_groups_there_are(loop: FakeLoop, pods: None) -> None:
    assert group_ids(loop.world) == {"/", "/shop", "/shop/back"}


def test_removing_a_group_removes_all_below_it(api: Api, loop: FakeLoop, pods: None) -> None:
    loop.run_all()
    answer = api("DELETE", "/v2/groups/shop/")
    assert answer.status_code == 200
    assert problems(answer.json(), "DeploymentStarted") == []
    assert answer.headers["Marathon-Deployment-Id"] == answer.json()["deploymentId"]
    assert sorted(pod["id"] for pod in api("GET", "/v2/pods").json()) == ["/shopping", "/top"]
    assert api("GET", "/v2/groups/shop").status_code == 404
    (deployment,) = api("GET", "/v2/deployments").json()
    assert deployment["affectedPods"] == ["/shop/back/cache", "/shop/back/db", "/shop/web"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("pod_id", ["/shop", "/top/below", "/top/a/b"])
def test_a_pod_and_a_group_never_have_one_id(api: Api, pods: None, method: str, pod_id: str) -> None:
    answer = api(method, "/v2/pods" if method == "POST" else f"/v2/pods{pod_id}", json=POD | {"id": pod_id})
    assert (answer.status_code, answer.json()["message"]) == (422, "Object is not valid")
    assert problems(answer.json(), "DefinitionProblems") == []
    (detail,) = answer.json()["details"]
    assert detail["path"] == "/id"
    assert detail["errors"][0] == "Groups and Pods may not have the same identifier."
    assert pod_id not in [pod["id"] for pod in api("GET", "/v2/pods").json()]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("group_id", ["/none", "/shop/web", "/sho"])
def test_what_is_no_group(api: Api, pods: None, method: str, group_id: str) -> None:
    answer = api(method, f"/v2/groups{group_id}")
    assert answer.status_code == 404
    assert answer.json() == {"message": f"Group '{group_id}' does not exist", "details": []}


@pytest.fixture
def history(api: Api, loop: FakeLoop) -> list[str]:
    """Two groups over time: what was accepted, in order."""
    accepted = []
    for pod_id, instances in (("/a/one", 1), ("/b/two", 1), ("/a/one", 2), ("/a/c/three", 1)):
        loop.now += 60
        pod = POD | {"id": pod_id, "scaling": {"instances": instances}}
        accepted.append(api("PUT", f"/v2/pods{pod_id}?force=true", json=pod).json()["version"])
    return accepted


def test_the_versions_of_a_group_are_those_of_its_pods(api: Api, history: list[str]) -> None:
    first, second, third, fourth = history
    for path in ("/v2/groups/versions", "/v2/groups/versions/", "/v2/groups//versions"):
        assert api("GET", path).json() == history
    assert api("GET", "/v2/groups/a/versions").json() == [first, third, fourth]
    assert api("GET", "/v2/groups//b/versions/").json() == [second]
    assert api("GET", "/v2/groups/a/c/versions").json() == [fourth]
    assert api("GET", "/v2/groups/none/versions").status_code == 404
    assert api("GET", "/v2/groups/a/one/versions").status_code == 404, "a pod is no group"


def test_a_group_as_it_was_has_the_pods_of_that_time(api: Api, history: list[str]) -> None:
    first, second, third, fourth = history
    shown = [api("GET", f"/v2/groups/versions/{version}").json() for version in history]
    assert [each["version"] for each in shown] == history
    assert [len(each["groups"]) for each in shown] == [1, 2, 2, 2]
    assert all(problems(each, "Group") == [] for each in shown)
    assert shown[-1] == api("GET", "/v2/groups").json()

    at_third = api("GET", f"/v2/groups/a/versions/{third}/").json()
    assert (at_third["id"], at_third["version"], at_third["groups"]) == ("/a", third, [])
    assert [each["id"] for each in at_third["pods"]] == ["/a/one"]
    assert api("GET", f"/v2/groups/a/versions/{second}").json()["version"] == first
    assert "pods" not in api("GET", f"/v2/groups/a/versions/{fourth}?embed=group.groups").json()
    assert api("GET", f"/v2/groups/b/versions/{first}").status_code == 404
    assert api("GET", f"/v2/groups/a/c/versions/{third}").status_code == 404


@pytest.mark.parametrize(
    ("version", "status"),
    [("1999-01-01T00:00:00.000Z", 404), ("1970-01-12T13:46:40.000Z", 404), ("newest", 422), ("2026-01-01", 422)],
)
@pytest.mark.parametrize("group", ["", "/a"])
def test_what_is_no_version_of_a_group(api: Api, history: list[str], group: str, version: str, status: int) -> None:
    answer = api("GET", f"/v2/groups{group}/versions/{version}")
    assert answer.status_code == status
    assert problems(answer.json(), "Message") == []


def test_without_pods_the_root_has_the_version_it_shows(api: Api) -> None:
    (version,) = api("GET", "/v2/groups/versions").json()
    assert api("GET", f"/v2/groups/versions/{version}").json() == api("GET", "/v2/groups").json()


@pytest.mark.parametrize("path", ["/v2/groups", "/v2/groups/", "/v2/groups//"])
def test_all_at_once_cannot_be_removed(api: Api, pods: None, path: str) -> None:
    assert api("DELETE", f"{path}?force=true").status_code == 405
    assert len(api("GET", "/v2/pods").json()) == len(PODS)
