"""A Mesos agent as an executor sees it: executor API, container calls of the operator API, restarts and bad days.

It speaks real HTTP on the loopback address; its containers are records that end when a test (or a signal) says so.
"""

from __future__ import annotations

import base64
import json
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

Json = dict[str, Any]

DEADLINE = 15.0
ROOT = {"value": "11111111-2222-3333-4444-555555555555"}
PREFIX = "/slave(1)"
SIGTERM, SIGKILL = 15, 9


@dataclass
class FakeContainer:
    """One nested container. ``status`` is the raw wait status once it has ended."""

    id: str
    call: Json
    status: int | None = None
    extra: Json = field(default_factory=dict)
    launching: bool = False
    launch_error: str | None = None
    signals: list[int] = field(default_factory=list)
    removed: bool = False

    @property
    def name(self) -> str:
        return name_of(self.id)


def name_of(container_id: str) -> str:
    """The name in the id of a container's first or later run."""
    return re.sub(r"-[0-9a-f]{8}(-[0-9]+)?$", "", container_id)


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
        self.containers: dict[str, FakeContainer] = {}
        self.started: list[FakeContainer] = []  # without sessions, also those that were removed
        self.updates: list[Json] = []
        self.calls: list[tuple[str, Json]] = []
        self.subscriptions: list[Json] = []
        self.changed = threading.Condition(threading.RLock())
        self._stream: queue.SimpleQueue[Json | None] | None = None
        self._connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    # -- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        agent = self

        class Handler(_Handler):
            fake = agent

        if self.family is socket.AF_UNIX:
            Path(self.address).unlink(missing_ok=True)
        self._server = _Server(self.family, self.address, Handler, self.tls)
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
            self._stream = None
            connections = list(self._connections)
            self.changed.notify_all()
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def end_stream(self) -> None:
        """The agent closes the event stream and nothing else."""
        with self.changed:
            assert self._stream is not None
            self._stream.put(None)
            self._stream = None

    # -- what a test says -----------------------------------------------------------------------------------------

    def send(self, event: Json) -> None:
        with self.changed:
            assert self._stream is not None, "no executor is subscribed"
            self._stream.put(event)

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
            lambda: len(self.subscriptions) >= times and self._stream is not None,
            f"the executor to subscribe ({times})",
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(
        self, family: socket.AddressFamily, address: Any, handler: type[_Handler], tls: ssl.SSLContext | None
    ) -> None:
        self.address_family = family
        super().__init__(address, handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer wants a name for every address

    def handle_error(self, request: object, client_address: object) -> None:
        """Broken connections are what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeAgent

    def setup(self) -> None:
        super().setup()
        with self.fake.changed:
            self.fake._connections.add(self.connection)

    def finish(self) -> None:
        with self.fake.changed:
            self.fake._connections.discard(self.connection)
        super().finish()

    def log_message(self, *args: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        fake = self.fake
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = call["type"]
        with fake.changed:
            fake.calls.append((kind, call))
            fake.changed.notify_all()
        if fake.token is not None and self.headers["Authorization"] != f"Bearer {fake.token}":
            self.answer(401, "no token, no service")
        elif not fake.routes or self.path not in (f"{PREFIX}/api/v1", f"{PREFIX}/api/v1/executor"):
            self.answer(404, "404 Not Found.")
        elif kind == "SUBSCRIBE":
            self.subscribe(call)
        elif fake.recovering:
            self.answer(503, "Agent has not finished recovery")
        else:
            getattr(self, kind.lower())(call.get(kind.lower()) or {})

    def answer(self, status: int, text: str = "", body: Json | None = None) -> None:
        data = text.encode() if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    # -- executor API ---------------------------------------------------------------------------------------------

    def subscribe(self, call: Json) -> None:
        fake = self.fake
        if self.headers["Accept"] != "application/json":
            return self.answer(406, "Expecting 'Accept' to allow 'application/json'")
        if fake.refuse_subscribe is not None:
            return self.answer(fake.refuse_subscribe, "not now")
        events: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        info = {"executor_id": call["executor_id"], **fake.executor}
        framework = {"id": call["framework_id"], "capabilities": [{"type": c} for c in fake.capabilities]}
        subscribed = {"executor_info": info, "framework_info": framework, "agent_info": {}, "container_id": ROOT}
        events.put({"type": "SUBSCRIBED", "subscribed": subscribed})
        with fake.changed:
            fake.subscriptions.append(call["subscribe"])
            fake._stream = None if fake.end_streams else events
            for update in call["subscribe"]["unacknowledged_updates"]:
                self.accept_update(update["status"])
            fake.changed.notify_all()
        if fake.end_streams:
            events.put(None)
        while (event := events.get()) is not None:
            text = json.dumps(event).encode()
            data = b"%d\n%s" % (len(text), text)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.close_connection = True
        return None

    def message(self, message: Json) -> None:
        self.answer(202)

    def update(self, update: Json) -> None:
        fake = self.fake
        with fake.changed:
            refused = fake.refuse_updates.pop(0) if fake.refuse_updates else None
            if refused is None:
                self.accept_update(update["status"])
                fake.changed.notify_all()
        self.answer(*(refused or (202, "")))

    def accept_update(self, status: Json) -> None:
        assert len(base64.b64decode(status["uuid"])) == 16
        assert status["source"] == "SOURCE_EXECUTOR"
        self.fake.updates.append(status)
        if self.fake.acknowledge and self.fake._stream is not None:
            acknowledged = {"task_id": status["task_id"], "uuid": status["uuid"]}
            self.fake._stream.put({"type": "ACKNOWLEDGED", "acknowledged": acknowledged})

    # -- operator API ---------------------------------------------------------------------------------------------

    def launch_container(self, call: Json) -> None:
        fake, value = self.fake, call["container_id"]["value"]
        name = name_of(value)
        with fake.changed:
            if value in fake.containers:
                return self.answer(202)
            container = fake.containers[value] = FakeContainer(value, call, launching=True)
            fake.started.append(container)
            fake.changed.notify_all()
            fake.changed.wait_for(lambda: name not in fake.held or container.launch_error is not None, DEADLINE)
            error = container.launch_error or fake.broken.get(name)
            container.launching = False
            if error is not None:
                container.removed = True
            fake.changed.notify_all()
        if name in fake.drop_launch_answer:
            fake.drop_launch_answer.discard(name)
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        return self.answer(200) if error is None else self.answer(400, error)

    def find(self, container_id: Json) -> FakeContainer | None:
        container = self.fake.containers.get(container_id["value"])
        return None if container is None or container.removed else container

    def wait_container(self, call: Json) -> None:
        container_id = call["container_id"]
        container = self.find(container_id)
        if container is None:
            return self.answer(
                404, f"Container {container_id['parent']['value']}.{container_id['value']} cannot be found"
            )
        with self.fake.changed:
            self.fake.changed.wait_for(lambda: container.status is not None or self.fake._server is None)
            if container.status is None:
                self.close_connection = True
                return None
            answer = {"exit_status": container.status, **container.extra}
        if container.name in self.fake.wait_answers:
            return self.answer(*self.fake.wait_answers[container.name])
        if container.name in self.fake.garbled:
            return self.answer(200, "nonsense")
        return self.answer(200, body={"type": "WAIT_CONTAINER", "wait_container": answer})

    def kill_container(self, call: Json) -> None:
        fake, signal = self.fake, call["signal"]
        with fake.changed:
            container = self.find(call["container_id"])
            if fake.refuse_signals:
                fake.refuse_signals -= 1
                return self.answer(500, "kill(2) failed")
            too_early = container is not None and container.launching and not fake.kill_finds_launching
            if container is None or container.status is not None or too_early:
                return self.answer(404, f"Container {call['container_id']['value']} cannot be found")
            container.signals.append(signal)
            name = container.name
            if container.launching:
                container.launch_error = "Container is being destroyed during provisioning"
            elif signal == SIGKILL or name not in fake.stubborn:
                container.status = signal
            fake.changed.notify_all()
        return self.answer(200)

    def remove_container(self, call: Json) -> None:
        with self.fake.changed:
            container = self.find(call["container_id"])
            if self.fake.refuse_removals or (container is not None and container.status is None):
                return self.answer(500, "still running")
            self.fake.containers.pop(call["container_id"]["value"], None)
        return self.answer(200)

    def launch_nested_container_session(self, call: Json) -> None:
        fake, value = self.fake, call["container_id"]["value"]
        assert self.headers["Accept"] == "application/recordio"
        if fake.refuse_sessions:
            return self.answer(400, fake.refuse_sessions)
        with fake.changed:
            status = fake.command_results.pop(0) if fake.command_results else 0
            container = fake.containers[value] = FakeContainer(value, call)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        output = json.dumps({"type": "DATA", "data": {"type": "STDOUT", "data": "b2s="}}).encode()
        record = b"%d\n%s" % (len(output), output)
        self.wfile.write(b"%x\r\n%s\r\n" % (len(record), record))
        if status is None:
            # Hang until the client closes; then the agent kills the session.
            self.connection.settimeout(DEADLINE)
            self.connection.recv(1)
            status = SIGKILL
        else:
            self.wfile.write(b"0\r\n\r\n")
        with fake.changed:
            container.status = container.status or status
            fake.changed.notify_all()
        self.close_connection = True
        return None


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


def wait_until(condition: Callable[[], bool], what: str, timeout: float = DEADLINE) -> None:
    """For conditions nobody notifies of: poll with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(0.01)
