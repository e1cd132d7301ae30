"""A Mesos agent over HTTP, as an executor sees it: executor API, container calls of the operator API, flags; restarts
and bad days. Its containers are records that end when a test (or a signal) says so.
"""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.agent_api import AgentHandler
from tests.fakes.containers import DEADLINE, FakeContainer, Json
from tests.fakes.server import Server

ISOLATION = "posix/cpu,filesystem/linux, network/cni"


class FakeAgent:
    """Attributes are switches for tests; set them before what they are to influence."""

    def __init__(
        self,
        token: str | None = None,
        capabilities: tuple[str, ...] = ("TASK_KILLING_STATE", "PARTITION_AWARE"),
        address: tuple[socket.AddressFamily, Any] = (socket.AF_INET, ("127.0.0.1", 0)),
        tls: ssl.SSLContext | None = None,
    ):
        self.family, self.address = address
        self.tls = tls
        self.token = token
        self.capabilities = capabilities
        self.executor: Json = {"type": "CUSTOM"}  # what SUBSCRIBED says of the ExecutorInfo
        self.acknowledge = True
        self.recovering = False  # subscribing works; updates and the operator API answer 503
        self.routes = True  # without, everything is answered with a 404 that is about no container
        self.end_streams = False  # every subscription ends as soon as it is accepted
        self.refuse_subscribe: int | None = None  # the status to answer SUBSCRIBE with
        self.refuse_updates: list[tuple[int, str]] = []  # answers for the next updates
        self.held: set[str] = set()  # names whose launch is not answered until released
        self.broken: dict[str, str] = {}  # name -> error text of the launch
        self.stubborn: set[str] = set()  # names that ignore SIGTERM
        self.kill_finds_launching = (
            True  # whether a KILL destroys a container that is being launched, or does not know it
        )
        self.wait_answers: dict[str, tuple[int, str]] = {}  # name -> what its WAIT is answered with when it has ended
        self.refuse_signals = 0  # so many of the next signals are not delivered
        self.refuse_removals = False
        self.garbled: set[str] = set()  # names whose WAIT is not answered with JSON
        self.drop_launch_answer: set[str] = set()  # names whose LAUNCH connection is cut after the container started
        self.command_results: list[int | None] = []  # raw wait statuses of COMMAND sessions; None hangs
        self.refuse_sessions = ""  # the text with which every session is refused
        self.flags_answer: tuple[int, str] = (200, json.dumps({"flags": {"isolation": ISOLATION}}))
        self.holds_flags = False  # requests for its flags are not answered until released
        self.flags_reads: list[str | None] = []  # the Authorization headers of the requests for its flags
        self.containers: dict[str, FakeContainer] = {}
        self.started: list[FakeContainer] = []  # without sessions, also those that were removed
        self.updates: list[Json] = []
        self.calls: list[tuple[str, Json]] = []
        self.subscriptions: list[Json] = []
        self.changed = threading.Condition(threading.RLock())
        self.stream: queue.SimpleQueue[Json | bytes | None] | None = None  # bytes are sent as they are
        self.connections: set[socket.socket] = set()
        self._server: Server | None = None
        self.port = 0
        self.start()

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        agent = self

        class ThisAgent(AgentHandler):
            fake = agent

        if self.family is socket.AF_UNIX:
            Path(self.address).unlink(missing_ok=True)
        self._server = Server(ThisAgent, self.family, self.address, self.tls)
        if self.family is not socket.AF_UNIX:
            self.address = self._server.server_address
            self.port = self.address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        """As SIGKILL would: the port closes and every connection breaks."""
        server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        with self.changed:
            self.stream = None
            connections = list(self.connections)
            self.changed.notify_all()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def end_stream(self) -> None:
        """The agent closes the event stream and nothing else."""
        with self.changed:
            assert self.stream is not None
            self.stream.put(None)
            self.stream = None

    # -- what a test says -----------------------------------------------------------------------------------------

    def send(self, event: Json) -> None:
        with self.changed:
            assert self.stream is not None, "no executor is subscribed"
            self.stream.put(event)

    def launch_group(self, *tasks: Json) -> None:
        self.send({"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": list(tasks)}}})

    def kill(self, name: str, grace: float | None = None) -> None:
        kill: Json = {"task_id": {"value": f"pod.{name}"}}
        if grace is not None:
            kill["kill_policy"] = {"grace_period": {"nanoseconds": int(grace * 1e9)}}
        self.send({"type": "KILL", "kill": kill})

    def release(self, name: str) -> None:
        """Answer the held launch."""
        with self.changed:
            self.held.discard(name)
            self.changed.notify_all()

    def release_flags(self) -> None:
        """Answer the held requests for the agent's flags, and later ones."""
        with self.changed:
            self.holds_flags = False
            self.changed.notify_all()

    def exit(self, name: str, status: int, **extra: Any) -> None:
        """The container's command ends."""
        with self.changed:
            container = self.container(name)
            container.status, container.extra = status, extra
            self.changed.notify_all()

    # -- what a test asks -----------------------------------------------------------------------------------------

    def container(self, name: str) -> FakeContainer:
        with self.changed:
            found = [c for c in self.containers.values() if c.name == name]
            assert found, f"no container {name}; there are {list(self.containers)}"
            return found[-1]

    def states(self, name: str) -> list[str]:
        """Of the updates received for a task, repetitions of the same update left out."""
        return [status["state"] for status in self.statuses(name)]

    def statuses(self, name: str) -> list[Json]:
        with self.changed:
            mine = [s for s in self.updates if s["task_id"]["value"] == f"pod.{name}"]
        return list({s["uuid"]: s for s in mine}.values())

    def called(self, kind: str) -> list[Json]:
        with self.changed:
            return [call for call_kind, call in self.calls if call_kind == kind]

    def wait(self, condition: Callable[[], bool], what: str, timeout: float = DEADLINE) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                seen = [(s["task_id"]["value"], s["state"], s.get("healthy"), s.get("message")) for s in self.updates]
                raise AssertionError(
                    f"{what}: not within {timeout} s. Updates: {seen}. Calls: {[k for k, _ in self.calls]}"
                )

    def wait_state(self, name: str, *states: str) -> Json:
        """Until the task's updates are exactly these; returns the last."""
        self.wait(
            lambda: self.states(name) == list(states), f"{name} to go {' '.join(states)}, it went {self.states(name)}"
        )
        return self.statuses(name)[-1]

    def wait_subscribed(self, times: int = 1) -> None:
        self.wait(
            lambda: len(self.subscriptions) >= times and self.stream is not None,
            f"the executor to subscribe ({times})",
        )


def task(name: str, command: str = "sleep 1000", grace: float | None = None, **fields: Any) -> Json:
    """A TaskInfo as it arrives in LAUNCH_GROUP."""
    info: Json = {
        "name": name,
        "task_id": {"value": f"pod.{name}"},
        "agent_id": {"value": "agent"},
        "command": {"shell": True, "value": command, "environment": {"variables": [{"name": "A", "value": "1"}]}},
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, "allocation_info": {"role": "web"}},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}, "allocation_info": {"role": "web"}},
        ],
    }
    if grace is not None:
        info["kill_policy"] = {"grace_period": {"nanoseconds": int(grace * 1e9)}}
    return {**info, **fields}


def wait_until(condition: Callable[[], object], what: str, timeout: float = DEADLINE) -> None:
    """For conditions nobody notifies of: poll with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)
