"""Agents and masters that fail and return under running pods."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from tests.cluster.support import DEFAULT, PODEXEC, Json, Scheduler, container


@pytest.fixture
def elected(executor: Path, tmp_path: Path) -> Iterator[Scheduler]:
    """A scheduler that finds one of three masters through ZooKeeper."""
    cluster = Cluster.up(f"zk-{os.getpid()}", agents=1, masters=3, owner_pid=os.getpid())
    scheduler = Scheduler(cluster, tmp_path, executor, "elected")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_a_new_leading_master_is_followed(elected: Scheduler) -> None:
    """After SIGKILL of the leader the pod keeps running, and a new one can be launched through the next leader."""
    assert elected.cluster.master.startswith("zk://")
    before = elected.run({"id": "/before", "containers": [container("only", "exec sleep 1000")]})
    leader = elected.cluster.leader()
    assert leader is not None
    elected.cluster.kill_master(leader.id)
    elected.client.add({"id": "/after", "containers": [container("only", "exec sleep 1000")]})
    elected.stable("/after", 120)
    assert elected.client.info()["podexec"]["mesos"]["master"] != leader.address
    assert _task_ids(elected.stable("/before")) == _task_ids(before)


def test_pods_survive_the_restart_of_their_agent(own_schedulers: Callable[[str], Scheduler]) -> None:
    """After SIGKILL of the agent, executors of both kinds wait for it, and report a container's end correctly."""
    schedulers = {f"/surviving/{kind}": own_schedulers(kind) for kind in (PODEXEC, DEFAULT)}
    cluster = next(iter(schedulers.values())).cluster
    agent = cluster.agents[0]
    instances = {pod_id: _run_on(agent.host, scheduler, pod_id) for pod_id, scheduler in schedulers.items()}
    sandboxes = [
        schedulers[pod_id].sandbox({"instances": [instance]}, "ends") for pod_id, instance in instances.items()
    ]
    cluster.kill_agent(agent.id)
    for sandbox in sandboxes:
        (sandbox / "done").touch()
    cluster.restart_agent(agent.id)
    for pod_id, scheduler in schedulers.items():
        assert _half_finished(scheduler, pod_id)["id"] == instances[pod_id]["id"]
        assert "terminationHistory" not in scheduler.client.status(pod_id)


def _run_on(hostname: str, scheduler: Scheduler, pod_id: str) -> Json:
    """Run a pod on this agent, and return its instance."""
    placement = {"constraints": [{"fieldName": "hostname", "operator": "IS", "value": hostname}]}
    definition = {
        "id": pod_id,
        "containers": [
            container("stays", "exec sleep 1000"),
            container("ends", "while ! test -e done; do sleep 0.1; done; exit 0"),
        ],
        "scheduling": {"placement": placement},
    }
    instance: Json = scheduler.run(definition)["instances"][0]
    return instance


def _half_finished(scheduler: Scheduler, pod_id: str) -> Json:
    """The instance, once one container has finished and the other still runs."""

    def probe() -> Json | None:
        seen: Json = scheduler.client.status(pod_id)["instances"][0]
        states = {each["name"]: each["status"] for each in seen["containers"]}
        return seen if states == {"stays": "TASK_RUNNING", "ends": "TASK_FINISHED"} else None

    return scheduler.wait("the end of one container is known", probe)


def _task_ids(status: Json) -> list[str]:
    return [each["containerId"] for instance in status["instances"] for each in instance["containers"]]
