"""Agents and masters that go away and come back under running pods."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from tests.cluster.support import Json, Scheduler, container


@pytest.fixture
def elected(executor: Path, tmp_path: Path) -> Iterator[Scheduler]:
    """A scheduler that finds its master in ZooKeeper, among three."""
    cluster = Cluster.up(f"zk-{os.getpid()}", agents=1, masters=3, owner_pid=os.getpid())
    scheduler = Scheduler(cluster, tmp_path, executor, "elected")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_a_new_leading_master_is_followed(elected: Scheduler) -> None:
    """SIGKILL of the leader: the pod runs on untouched, and a new one can be launched through the next leader."""
    assert elected.cluster.master.startswith("zk://")
    before = elected.run({"id": "/before", "containers": [container("only", "exec sleep 1000")]})
    leader = elected.cluster.leader()
    assert leader is not None
    elected.cluster.kill_master(leader.id)
    elected.client.add({"id": "/after", "containers": [container("only", "exec sleep 1000")]})
    elected.stable("/after", 120)
    assert elected.client.info()["mesos"]["master"] != leader.address
    assert _task_ids(elected.stable("/before")) == _task_ids(before)


def test_a_pod_survives_the_restart_of_its_agent(own_scheduler: Scheduler) -> None:
    """SIGKILL of the agent: the executor and its containers wait for it; how one ended meanwhile is told truthfully."""
    cluster = own_scheduler.cluster
    definition = {
        "id": "/surviving",
        "containers": [
            container("stays", "exec sleep 1000"),
            container("ends", "while ! test -e done; do sleep 0.1; done; exit 0"),
        ],
    }
    status = own_scheduler.run(definition)
    instance = status["instances"][0]
    sandbox = own_scheduler.sandbox(status, "ends")
    agent = next(each for each in cluster.agents if each.host == instance["agentHostname"])
    cluster.kill_agent(agent.id)
    (sandbox / "done").touch()
    cluster.restart_agent(agent.id)

    def finished() -> Json | None:
        seen = own_scheduler.client.status("/surviving")["instances"][0]
        states = {each["name"]: each["status"] for each in seen["containers"]}
        return seen if states == {"stays": "TASK_RUNNING", "ends": "TASK_FINISHED"} else None

    assert own_scheduler.wait("the end of one container is known", finished)["id"] == instance["id"]
    assert "terminationHistory" not in own_scheduler.client.status("/surviving")


def _task_ids(status: Json) -> list[str]:
    return [each["containerId"] for instance in status["instances"] for each in instance["containers"]]
