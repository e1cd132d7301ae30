"""Launches that reach a cut-off agent after they were given up: they are killed, and nothing of them stays."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from localmesos.network import NAMESPACES
from localmesos.state import Member
from scheduler.cli.client import WriteOptions
from tests.cluster.support import Scheduler, container, wait_for

# The master loses sight of an agent after three seconds.
SOON_LOST = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"}


class Wire:
    """The way of one agent to everything else, in both directions."""

    def __init__(self, cluster: Cluster, agent: Member) -> None:
        """It is whole."""
        self._namespace = next(NAMESPACES.glob(f"{cluster.state.tag}-{agent.id}")).name
        port = agent.address.rpartition(":")[2]
        self._everything = [["INPUT", "-i", "eth0"], ["OUTPUT", "-o", "eth0"]]
        # What the master sends goes by a connection that it keeps: that one alone can be held back for longer.
        peers = [line.split()[3] for line in self._run("ss", "-Htn", "state", "established", f"sport = :{port}")]
        assert peers, "the master has no connection to its agent"
        self._kept = [
            ["INPUT", "-p", "tcp", "-s", host, "--sport", number, "--dport", port]
            for host, _, number in (peer.rpartition(":") for peer in peers)
        ]

    def cut(self) -> None:
        """Lose every packet: nobody is told."""
        self._change("-I", self._everything)

    def mend(self) -> None:
        """Let packets pass again, but for what was sent in the meantime."""
        self._change("-I", self._kept)
        self._change("-D", self._everything)

    def let_the_past_arrive(self) -> None:
        """As soon as it is sent again."""
        self._change("-D", self._kept)

    def _change(self, how: str, rules: list[list[str]]) -> None:
        for rule in rules:
            self._run("iptables", "-w", how, *rule, "-j", "DROP")

    def _run(self, *command: str) -> list[str]:
        words = ["ip", "netns", "exec", self._namespace, *command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()


pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def split(executor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    """A scheduler on a cluster of its own, with one agent that is soon lost."""
    monkeypatch.setenv("PODEXEC_RECONCILIATION_INTERVAL", "2000")
    cluster = Cluster.up(f"split-{os.getpid()}", master_flags=SOON_LOST, owner_pid=os.getpid())
    scheduler = Scheduler(cluster, tmp_path, executor, "split")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_a_launch_that_arrives_after_it_was_given_up_is_killed(split: Scheduler) -> None:
    """Though its pod was removed, and the scheduler that launched it was killed."""
    [agent] = split.cluster.agents
    wire = Wire(split.cluster, agent)
    wire.cut()
    split.client.add({"id": "/late", "containers": [container("one", "exec sleep 999"), container("two", "sleep 999")]})
    split.wait("the launch was sent", lambda: split.client.status("/late").get("instances"))
    _told(split, "agent lost")
    split.end()
    split.start()
    split.client.remove("/late", WriteOptions(force=True))
    wire.mend()
    _told(split, "launch abandoned")
    split.end()
    split.start()
    wire.let_the_past_arrive()
    _told(split, "abandoned launch is running")
    _told(split, "abandoned launch has ended")
    wait_for("no executor is left", lambda: not split.cluster_executors())


def _told(scheduler: Scheduler, text: str) -> None:
    """The log tells it; TCP alone may wait for a minute before it sends again what was lost."""
    scheduler.wait(repr(text), lambda: text in scheduler.log.read_text(), 90)
