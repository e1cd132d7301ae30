"""Deployments on a real Mesos: in batches, paused, rolled back, and in the order of dependencies."""

from typing import Any

from tests.cluster.support import Json, container
from tests.cluster.user import User

STAY = "exec sleep 1000"
ON_ITS_WAY = {"Scheduled", "Provisioned", "Staging", "Starting", "Killing"}


def pod(pod_id: str, instances: int = 1, cpus: float = 0.1, **more: Any) -> Json:
    """A small pod, unless arguments ask for more."""
    main = container("main", STAY, resources={"cpus": cpus, "mem": 32})
    return {"id": pod_id, "containers": [main], "scaling": {"kind": "fixed", "instances": instances}} | more


def test_an_update_goes_in_batches_and_stands_still_while_it_is_paused(user: User) -> None:
    """Started replacements are completed; nothing else changes in spite of offers, until the deployment is resumed."""
    old = user.run(pod("/rolling", 3))["spec"]["version"]
    changed = pod("/rolling", 3, environment={"CHANGED": "yes"})
    answer = user.ask("PUT", "/v2/pods/rolling", 200, changed, batchSize="1")
    deployment, new = answer.headers["Marathon-Deployment-Id"], answer.json()["version"]
    user.hears("instance_changed_event", condition="Running", runSpecVersion=new)
    user.ask("POST", f"/v2/deployments/{deployment}/pause", 200)
    held = user.get(f"/v2/deployments/{deployment}", embed="podexec")
    assert held["podexec"] == {"paused": True, "batchSize": 1}

    def nothing_begun() -> list[str] | None:
        instances = user.instances("/rolling")
        return [each["id"] for each in instances] if {each["status"] for each in instances} == {"STABLE"} else None

    before = user.until("what has begun is finished", nothing_begun)
    assert 3 < len(before) < 6
    user.run(pod("/beside", 2))
    assert user.until("still the same", nothing_begun) == before
    locked = user.ask("PUT", "/v2/pods/rolling", 409, pod("/rolling", 5)).json()
    assert locked["deployments"] == [{"id": deployment}]

    user.ask("POST", f"/v2/deployments/{deployment}/resume", 200)
    user.done(deployment)
    assert {each["specReference"] for each in user.instances("/rolling")} == {f"/v2/pods/rolling::versions/{new}"}
    assert len(user.instances("/rolling")) == 3
    assert most_at_once(user, "/rolling", old, new) == 1


def most_at_once(user: User, pod_id: str, old: str, new: str) -> int:
    """The most instances of a pod that were starting or ending at a time while one version replaced the other."""
    updated = user.hears("pod_updated_event", uri=f"/v2/pods{pod_id}").number
    moving: set[str] = set()
    most = 0
    for each in user.told:
        if each.kind == "instance_changed_event" and each.content["runSpecId"] == pod_id and each.number > updated:
            assert each.content["runSpecVersion"] in (old, new)
            (moving.add if each.content["condition"] in ON_ITS_WAY else moving.discard)(each.content["instanceId"])
            most = max(most, len(moving))
    return most


def test_what_is_not_done_by_its_deadline_is_rolled_back(user: User) -> None:
    """The previous instances keep running untouched, and are current again."""
    before = user.run(pod("/late"))
    deployment = user.put(pod("/late", cpus=1000), deadlineSeconds="2")
    assert "deadline" in user.get(f"/v2/deployments/{deployment}", embed="podexec")["podexec"]
    failed = user.hears("deployment_failed", id=deployment)
    assert "deadline" in failed.content["reason"]
    user.hears("deployment_success", after=failed.number)
    after = user.status("/late")
    assert (after["spec"], after["instances"]) == (before["spec"], before["instances"])
    assert user.get("/v2/queue") == {"queue": []}
    assert user.get("/v2/deployments") == []


def test_pods_start_after_what_they_depend_on_and_a_group_ends_the_other_way_round(user: User) -> None:
    db = user.post(pod("/chain/db"))
    web = user.post(pod("/chain/web", dependencies=["/chain/db"]))
    waiting = user.get(f"/v2/deployments/{web}", embed="podexec")["currentActions"]
    assert [(each["pod"], each["podexec"]) for each in waiting] == [("/chain/web", {"waitingFor": ["/chain/db"]})]
    user.done(db)
    user.done(web)
    assert _first(user, "/chain/db", "Running") < _first(user, "/chain/web", "Scheduled")

    needed = user.ask("DELETE", "/v2/pods/chain/db", 409).json()
    assert "/chain/web" in needed["message"]
    removed = user.ask("DELETE", "/v2/groups/chain", 200)
    deployment = removed.json()["deploymentId"]
    assert removed.headers["Marathon-Deployment-Id"] == deployment
    steps = user.done(deployment).content["plan"]["steps"]
    assert [[each["pod"] for each in step["actions"]] for step in steps] == [["/chain/web"], ["/chain/db"]]
    assert _first(user, "/chain/web", "Killed") < _first(user, "/chain/db", "Killed")
    user.ask("GET", "/v2/groups/chain", 404)


def _first(user: User, pod_id: str, condition: str) -> int:
    """Number of the first event that reports an instance in this condition."""
    return user.hears("instance_changed_event", runSpecId=pod_id, condition=condition).number
