"""Launches that reach a cut-off agent after they were given up: they are killed, and nothing of them stays."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from localmesos.network import NAMESPACES
from tests.cluster.support import Scheduler, container, wait_for

# The master loses sight of an agent after three seconds; it and the agent then go on trying at intervals that double.
SOON_LOST = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"}
CUT_SECONDS = 60.0


class Wire:
    """The way of one agent to everything else, in both directions."""

    def __init__(self, cluster: Cluster, agent_id: str) -> None:
        """It is whole."""
        self._namespace = next(NAMESPACES.glob(f"{cluster.state.tag}-{agent_id}")).name

    def cut(self) -> None:
        """Lose every packet: nobody is told."""
        self._rules("-I")

    def mend(self) -> None:
        """Let packets pass again."""
        self._rules("-D")

    def _rules(self, change: str) -> None:
        for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
            rule = ["ip", "netns", "exec", self._namespace, "iptables", "-w", change, chain, way, "eth0", "-j", "DROP"]
            subprocess.run(rule, check=True, capture_output=True, text=True)


@pytest.fixture
def split(executor: Path, tmp_path: Path) -> Iterator[Scheduler]:
    """A scheduler on a cluster of its own, with one agent that is soon lost."""
    cluster = Cluster.up(f"split-{os.getpid()}", master_flags=SOON_LOST, owner_pid=os.getpid())
    scheduler = Scheduler(cluster, tmp_path, executor, "split")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_a_launch_that_arrives_after_it_was_given_up_is_killed(split: Scheduler) -> None:
    """Also by a scheduler that was killed in the meantime, and though the pod was removed."""
    [agent] = split.cluster.agents
    wire = Wire(split.cluster, agent.id)
    wire.cut()
    split.client.add(
        {"id": "/late", "containers": [container("one", "exec sleep 1000"), container("two", "sleep 999")]}
    )
    split.wait("the launch was sent", lambda: split.client.status("/late").get("instances"))
    split.client.remove("/late")
    split.wait("the agent is lost", lambda: "agent lost" in split.log.read_text())
    split.end()
    split.start()
    wire.mend()
    split.wait("a launch turns up", lambda: "a launch that was given up is running" in split.log.read_text(), 200)
    split.wait("it has ended", lambda: "a launch that was given up has ended" in split.log.read_text())
    wait_for("no executor is left", lambda: not split.cluster_executors())
