"""Launches that reach a disconnected agent after they were abandoned are killed and leave nothing."""

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

# The master considers an agent lost after three seconds.
SOON_LOST = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "3"}


class Wire:
    """The network connection of one agent, in both directions."""

    def __init__(self, cluster: Cluster, agent: Member) -> None:
        """Make an intact connection."""
        self._namespace = next(NAMESPACES.glob(f"{cluster.state.tag}-{agent.id}")).name
        port = agent.address.rpartition(":")[2]
        self._everything = [["INPUT", "-i", "eth0"], ["OUTPUT", "-o", "eth0"]]
        # The master sends over a persistent connection, which alone can be blocked for longer.
        peers = [line.split()[3] for line in self._run("ss", "-Htn", "state", "established", f"sport = :{port}")]
        assert peers, "the master has no connection to its agent"
        self._kept = [
            ["INPUT", "-p", "tcp", "-s", host, "--sport", number, "--dport", port]
            for host, _, number in (peer.rpartition(":") for peer in peers)
        ]

    def cut(self) -> None:
        """Drop every packet silently."""
        self._change("-I", self._everything)

    def mend(self) -> None:
        """Let packets pass again, except on the master's connection, which keeps what it sent meanwhile."""
        self._change("-I", self._kept)
        self._change("-D", self._everything)

    def let_the_past_arrive(self) -> None:
        """Let everything pass again."""
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
    """A scheduler on its own cluster, with an agent that is soon considered lost."""
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
    """Even if its pod was removed and the scheduler that launched it was killed."""
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
    """The log shows it; TCP alone may wait for a minute before it retransmits."""
    scheduler.wait(repr(text), lambda: text in scheduler.log.read_text(), 90)
