"""Agents with running pods that are lost, drained or scheduled for maintenance."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localmesos import Cluster
from localmesos.state import Member
from tests.cluster.support import HTTP, QUICK_RECOVERY, Json, Scheduler, container
from tests.cluster.user import User


@pytest.fixture(scope="module")
def pair(executor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler on two agents, which the master considers lost after four seconds of silence."""
    cluster = Cluster.up(
        f"pair-{os.getpid()}",
        agents=2,
        agent_flags=QUICK_RECOVERY,
        master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "4"},
        owner_pid=os.getpid(),
    )
    scheduler = Scheduler(cluster, tmp_path_factory.mktemp("pair"), executor, "pair")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


@pytest.fixture
def user(pair: Scheduler) -> Iterator[User]:
    """Both agents are registered; pods that a test leaves are removed."""
    pair.cluster.wait_registered()
    with User(pair.client.url, pair.tail) as user:
        yield user
    pair.remove_all()


def pod(pod_id: str, instances: int = 1, **more: Any) -> Json:
    """A small pod with a long back-off: if anything counts as a failure, it is not relaunched during these tests."""
    back_off = {"backoff": {"backoff": 600, "maxLaunchDelay": 3600}}
    scaling = {"kind": "fixed", "instances": instances}
    main = container("main", "exec sleep 1000")
    return {"id": pod_id, "containers": [main], "scaling": scaling, "scheduling": back_off} | more


def test_an_instance_on_a_lost_agent_is_replaced_and_ended_when_the_agent_returns(user: User, pair: Scheduler) -> None:
    (lost,) = user.run(pod("/lost"))["instances"]
    agent = agent_of(pair, lost)
    pair.cluster.kill_agent(agent.id)
    user.hears("instance_changed_event", instanceId=lost["id"], condition="Unreachable")
    new = user.until("another instance runs", lambda: stable(user, "/lost"))
    assert new["id"] != lost["id"]
    assert new["agentId"] != lost["agentId"]
    assert [each["id"] for each in user.instances("/lost")] == [new["id"]]

    pair.cluster.restart_agent(agent.id)
    user.hears("instance_changed_event", instanceId=lost["id"], condition="Killed")
    wanted = [f"instance-lost.{new['id'].removeprefix('lost.instance-')}"]
    pair.wait("only the new one's executor is left", lambda: pair.cluster_executors() == wanted)
    assert user.instances("/lost") == [new]


def test_an_instance_on_a_drained_agent_is_launched_elsewhere_at_once(user: User, pair: Scheduler) -> None:
    (first,) = user.run(pod("/drained"))["instances"]
    agent = {"agent_id": {"value": first["agentId"]}}
    operate(pair, {"type": "DRAIN_AGENT", "drain_agent": agent})

    def elsewhere() -> Json | None:
        found = stable(user, "/drained")
        return found if found and found["agentId"] != first["agentId"] else None

    second = user.until("it runs on the other agent", elsewhere)
    assert second["id"] == first["id"]
    assert second["containers"][0]["containerId"].endswith(".2")
    pair.wait("the agent is drained", lambda: drain_state(pair, first["agentId"]) == "DRAINED")
    operate(pair, {"type": "REACTIVATE_AGENT", "reactivate_agent": agent})
    user.done(user.put(pod("/drained", instances=2)))
    assert {each["agentId"] for each in user.instances("/drained")} == {first["agentId"], second["agentId"]}


def test_nothing_is_placed_on_an_agent_under_maintenance(user: User, pair: Scheduler) -> None:
    """Two instances that would be spread over both agents are on the other one; later ones are not."""
    resting, other = pair.cluster.agents
    machine = {"hostname": resting.host, "ip": resting.host}
    window = {"start": {"nanoseconds": round((time.time() - 1) * 1e9)}}
    schedule(pair, [{"machine_ids": [machine], "unavailability": window}])
    try:
        placed = user.run(pod("/kept-away", instances=2))["instances"]
        assert [each["agentHostname"] for each in placed] == [other.host] * 2
    finally:
        schedule(pair, [])
    user.done(user.put(pod("/kept-away", instances=3)))
    assert {each["agentHostname"] for each in user.instances("/kept-away")} == {resting.host, other.host}


# ---------------------------------------------------------------------------- helpers


def stable(user: User, pod_id: str) -> Json | None:
    """The stable instance of the pod."""
    return next((each for each in user.instances(pod_id) if each["status"] == "STABLE"), None)


def agent_of(scheduler: Scheduler, instance: Json) -> Member:
    """The agent of an instance."""
    return next(each for each in scheduler.cluster.agents if each.host == instance["agentHostname"])


def operate(scheduler: Scheduler, call: Json) -> Json:
    """Send a call to the master's operator API."""
    answer = HTTP.post(f"http://{scheduler.cluster.master}/api/v1", json=call)
    body: Json = answer.raise_for_status().json() if answer.content else {}
    return body


def schedule(scheduler: Scheduler, windows: list[Json]) -> None:
    """Set the maintenance schedule."""
    update = {"schedule": {"windows": windows}}
    operate(scheduler, {"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": update})


def drain_state(scheduler: Scheduler, agent_id: str) -> str | None:
    """Drain state of an agent."""
    agents = operate(scheduler, {"type": "GET_AGENTS"})["get_agents"]["agents"]
    (found,) = [each for each in agents if each["agent_info"]["id"]["value"] == agent_id]
    state: str | None = found.get("drain_info", {}).get("state")
    return state
