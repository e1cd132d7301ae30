"""What really runs, by the processes of the machine and not by what anyone says of them.

The bench has process ids of its own, so all processes that it sees are its cluster's.
"""

import threading
from contextlib import suppress
from pathlib import Path

import psutil

from localmesos import vanishing
from localmesos.network import Network
from localmesos.processes import network_of
from tests.faults.cluster.history import History

# The program that the containers of all pods run. Nothing else in the room does.
CONTAINER_PROGRAM = "sleep"
_PERIOD_SECONDS = 0.3

Live = list[tuple[str, str, str, str]]


class Observer:
    """Sees containers, and writes down whenever they change, in a thread of its own."""

    def __init__(self, network: Network, agents: tuple[str, ...], history: History) -> None:
        """``agents``: the hosts whose containers count."""
        self._agents = {vanishing.inode(network.namespace(agent)): agent for agent in agents}
        self._history = history
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def live(self) -> Live:
        """The containers that run: agent, pod, executor, task."""
        found = []
        for pid in psutil.pids():
            if _name(pid) == CONTAINER_PROGRAM and (agent := self._agents.get(network_of(pid))) is not None:
                variables = _variables(pid)
                if "MESOS_TASK_ID" in variables and "MARATHON_APP_ID" in variables:
                    names = ("MARATHON_APP_ID", "MESOS_EXECUTOR_ID", "MESOS_TASK_ID")
                    pod, executor, task = (variables.get(name, "") for name in names)
                    found.append((agent, pod, executor, task))
        return sorted(found)

    def on_host(self, agent: str) -> list[int]:
        """Processes of an agent's host: its own, executors and containers."""
        return [pid for pid in psutil.pids() if self._agents.get(network_of(pid)) == agent]

    def executors(self, agent: str, file: Path) -> list[int]:
        """Processes of an agent's host that run the executor in this file, in the order of their start."""
        return [pid for pid in self.on_host(agent) if str(file).encode() in _read(pid, "cmdline").split(b"\0")]

    def _watch(self) -> None:
        before: Live | None = None
        while not self._stop.wait(_PERIOD_SECONDS):
            if (live := self.live()) != before:
                self._history.add("live", live=live)
                before = live


def _name(pid: int) -> str:
    return _read(pid, "comm").decode(errors="replace").strip()


def _variables(pid: int) -> dict[str, str]:
    pairs = (each.decode(errors="replace").partition("=") for each in _read(pid, "environ").split(b"\0"))
    return {name: value for name, _, value in pairs}


def _read(pid: int, name: str) -> bytes:
    with suppress(OSError):  # it has ended
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""
