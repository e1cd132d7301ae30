"""Pods of several Mesos roles in one framework, on a real Mesos."""

import httpx2
import pytest

from tests.cluster.support import Json, Scheduler, container


def pod(pod_id: str, shell: str = "exec sleep 1000", instances: int = 1, **fields: str) -> Json:
    """A small pod."""
    scaling = {"kind": "fixed", "instances": instances}
    return {"id": pod_id, "containers": [container("main", shell)], "scaling": scaling, **fields}


def framework(scheduler: Scheduler) -> Json:
    """The scheduler's framework in the leading master."""
    leader = scheduler.cluster.leader()
    assert leader is not None
    state = httpx2.get(f"http://{leader.address}/state", timeout=10).json()
    framework_id = scheduler.client.info()["frameworkId"]
    found: Json = next(each for each in state["frameworks"] if each["id"] == framework_id)
    return found


def task_roles(scheduler: Scheduler) -> dict[str, str]:
    """Role of each running task by id."""
    return {each["id"]: each["role"] for each in framework(scheduler)["tasks"]}


def task_ids(status: Json) -> set[str]:
    """Tasks of a pod."""
    return {each["containerId"] for instance in status["instances"] for each in instance["containers"]}


def test_a_pod_of_its_groups_role_runs_beside_one_of_the_frameworks_also_after_a_restart(
    own_scheduler: Scheduler,
) -> None:
    """Roles change within a subscription and are used in a new one; unneeded roles are removed."""
    base = task_ids(own_scheduler.run(pod("/base")))
    grouped = task_ids(own_scheduler.run(pod("/product/x", role="product")))
    assert sorted(framework(own_scheduler)["roles"]) == ["*", "product"]
    assert task_roles(own_scheduler) == dict.fromkeys(base, "*") | dict.fromkeys(grouped, "product")
    assert "not connected to the master" not in own_scheduler.log.read_text(), "the roles were changed by reconnecting"

    own_scheduler.end()
    own_scheduler.start()
    assert task_ids(own_scheduler.stable("/base")) == base
    assert task_ids(own_scheduler.stable("/product/x")) == grouped
    own_scheduler.client.update(pod("/product/x", instances=2, role="product"))
    own_scheduler.wait("a second instance", lambda: len(own_scheduler.client.status("/product/x")["instances"]) == 2)
    more = task_ids(own_scheduler.stable("/product/x"))
    assert more > grouped
    assert task_roles(own_scheduler) == dict.fromkeys(base, "*") | dict.fromkeys(more, "product")

    own_scheduler.remove("/product/x")
    own_scheduler.wait("only the framework's role is left", lambda: framework(own_scheduler)["roles"] == ["*"])


def test_where_groups_enforce_their_role_it_is_the_default(
    own_scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_scheduler.end()
    monkeypatch.setenv("PODEXEC_NEW_GROUP_ENFORCE_ROLE", "top")
    own_scheduler.start()
    status = own_scheduler.run(pod("/shop/web", "env; exec sleep 1000"))

    assert status["spec"]["role"] == "shop"
    assert set(task_roles(own_scheduler).values()) == {"shop"}
    own_scheduler.output(status, "main", "MARATHON_APP_ENFORCE_GROUP_ROLE=TRUE")


def set_quota(scheduler: Scheduler, role: str, **limits: float) -> None:
    """An operator sets the quota of a role; without limits, removes it."""
    leader = scheduler.cluster.leader()
    assert leader is not None
    config = {"role": role, "limits": {name: {"value": value} for name, value in limits.items()}}
    call = {"type": "UPDATE_QUOTA", "update_quota": {"force": True, "quota_configs": [config]}}
    httpx2.post(f"http://{leader.address}/api/v1", json=call, timeout=10).raise_for_status()


def test_a_quota_that_is_too_low_is_told_by_the_doctor(scheduler: Scheduler) -> None:
    def told() -> Json:
        found: Json = next(each for each in scheduler.client.doctor() if each["check"] == "quota")
        return found

    scheduler.client.add(pod("/limited/x", instances=3, role="limited"))
    assert told()["result"] == "ok"
    try:
        set_quota(scheduler, "limited", cpus=0.5, mem=1024)
        found = told()
        assert (found["result"], "UPDATE_QUOTA" in found["advice"]) == ("warning", True)
        assert "the quota of role limited allows 0.5 cpus, but its pods ask for" in found["message"]
        set_quota(scheduler, "limited", cpus=10, mem=1024)
        assert told()["result"] == "ok"
        assert "limited: weight 1, quota 10 cpus, 1024 mem" in told()["message"]
    finally:
        set_quota(scheduler, "limited")
