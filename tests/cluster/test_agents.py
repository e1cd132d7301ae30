"""Agents with running pods that are lost, drained or scheduled for maintenance."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
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
        agent_attributes=("rack:r1;level:2", "rack:r2"),
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


RESERVED = {
    "name": "cpus",
    "type": "SCALAR",
    "scalar": {"value": 0.5},
    "reservations": [{"type": "DYNAMIC", "role": "others", "principal": "operator"}],
}
APART = {"placement": {"constraints": [{"fieldName": "hostname", "operator": "UNIQUE"}]}}


def pod(pod_id: str, instances: int = 1, scheduling: Json | None = None, **more: Any) -> Json:
    """A small pod with a long back-off: if anything counts as a failure, it is not relaunched during these tests."""
    back_off = {"backoff": {"backoff": 600, "maxLaunchDelay": 3600}}
    scaling = {"kind": "fixed", "instances": instances}
    main = container("main", "exec sleep 1000")
    return {"id": pod_id, "containers": [main], "scaling": scaling, "scheduling": back_off | (scheduling or {})} | more


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
    (first,) = user.run(pod("/drained", scheduling=APART))["instances"]
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
    user.done(user.put(pod("/drained", instances=2, scheduling=APART)))
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


def test_agents_are_listed_with_what_is_free_and_what_a_drain_hits(user: User, pair: Scheduler) -> None:
    first, second = listed(user, pair)
    assert first["attributes"] == [{"name": "rack", "text": "r1"}, {"name": "level", "text": "2"}]
    assert second["attributes"] == [{"name": "rack", "text": "r2"}]
    resources = {"cpus", "mem", "disk", "ports"}
    assert (first["state"], first["version"], set(first["resources"])) == ("active", "1.11.0", resources)

    lasting = container("main", "trap '' TERM; while :; do sleep 0.1; done", lifecycle={"killGracePeriodSeconds": 600})
    (placed,) = user.run(pod("/lasting", scheduling=on(first)) | {"containers": [lasting]})["instances"]
    agent = {"agent_id": {"value": first["id"]}}
    reserved = agent | {"resources": [RESERVED]}
    operate(pair, {"type": "RESERVE_RESOURCES", "reserve_resources": reserved})
    operate(pair, {"type": "DRAIN_AGENT", "drain_agent": agent | {"max_grace_period": {"seconds": 20}}})
    try:
        found = pair.wait("it is draining", lambda: in_state(user, pair, "draining"))
        there = [(each["id"], each["pod"], each["state"], each["hasVolumes"]) for each in found["instances"]]
        assert there == [(placed["id"], "/lasting", "ending", False)]
        cpus = found["resources"]["cpus"]
        assert cpus["reservedForOthers"] == 0.5
        assert cpus["used"] >= 0.1
        assert sum(amount for part, amount in cpus.items() if part != "total") == pytest.approx(cpus["total"])
        assert (found["drain"]["state"], found["drain"]["maxGracePeriodSeconds"]) == ("draining", 20)
        assert time.time() - datetime.fromisoformat(found["drain"]["since"]).timestamp() < 60

        shown = podexec(pair, "agent", "show", first["hostname"])
        assert "draining, since " in shown
        assert "A drain hits 1 instance of 1 pod." in shown
        lines = podexec(pair, "agent", "list").splitlines()
        assert sorted(line.split()[1] for line in lines if "rack=" in line) == ["active", "draining"]

        found = pair.wait("it is drained", lambda: in_state(user, pair, "drained"))
        assert (found["id"], found["instances"]) == (first["id"], [])
        pair.remove("/lasting")  # before it is launched again, and takes as long to end
    finally:
        operate(pair, {"type": "REACTIVATE_AGENT", "reactivate_agent": agent})
    operate(pair, {"type": "UNRESERVE_RESOURCES", "unreserve_resources": reserved})
    pair.wait("both are active", lambda: all(each["state"] == "active" for each in listed(user, pair)))


def test_the_maintenance_of_an_agent_is_listed(user: User, pair: Scheduler) -> None:
    machine = {"hostname": pair.cluster.agents[1].host, "ip": pair.cluster.agents[1].host}
    start = 2_000_000_000
    window = {"start": {"nanoseconds": start * 10**9}, "duration": {"nanoseconds": 3600 * 10**9}}
    schedule(pair, [{"machine_ids": [machine], "unavailability": window}])
    try:
        windows = pair.wait("one has a window", lambda: [each for each in listed(user, pair) if "maintenance" in each])
        assert [(each["hostname"], each["maintenance"]) for each in windows] == [
            (machine["hostname"], {"start": "2033-05-18T03:33:20.000Z", "end": "2033-05-18T04:33:20.000Z"})
        ]
    finally:
        schedule(pair, [])


def test_a_lost_agent_is_listed_as_long_as_instances_are_on_record_there(user: User, pair: Scheduler) -> None:
    (placed,) = user.run(pod("/stays", scheduling={"unreachableStrategy": "disabled"}))["instances"]
    agent = agent_of(pair, placed)
    pair.cluster.kill_agent(agent.id)
    found = pair.wait("it is not registered", lambda: in_state(user, pair, "unregistered"))
    assert (found["id"], found["hostname"]) == (placed["agentId"], placed["agentHostname"])
    assert [(each["id"], each["state"]) for each in found["instances"]] == [(placed["id"], "unreachable")]
    pair.cluster.restart_agent(agent.id)
    pair.wait("both are active", lambda: all(each["state"] == "active" for each in listed(user, pair)))


# ---------------------------------------------------------------------------- helpers


def listed(user: User, scheduler: Scheduler) -> list[Json]:
    """The agents as the API lists them, in the order of the cluster."""
    answer = user.get("/v2/agents")
    assert (answer["source"], answer["problems"]) == ("master", [])
    order = [each.host for each in scheduler.cluster.agents]
    agents: list[Json] = sorted(answer["agents"], key=lambda each: order.index(each["hostname"]))
    return agents


def in_state(user: User, scheduler: Scheduler, state: str) -> Json | None:
    """The agent that is in this state."""
    return next((each for each in listed(user, scheduler) if each["state"] == state), None)


def on(agent: Json) -> Json:
    """The scheduling of a pod that runs only there."""
    constraint = {"fieldName": "hostname", "operator": "IS", "value": agent["hostname"]}
    return {"placement": {"constraints": [constraint]}}


def podexec(scheduler: Scheduler, *words: str) -> str:
    """What the command prints."""
    done = subprocess.run(
        (sys.executable, "-m", "scheduler.cli.main", *words),
        env={**os.environ, "PODEXEC_URL": scheduler.client.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


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
