"""A Mesos master's scheduler API on loopback, told by the test how to behave; and listeners that can be waited for."""

import json
import queue
import socket
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, TypeVar

T = TypeVar("T")
PATIENCE = 20.0


class Heard(Generic[T]):
    """What was heard so far, by any thread; the test waits for more."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def add(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def add_all(self, items: Iterable[T]) -> None:
        for item in items:
            self.add(item)

    def all(self) -> list[T]:
        with self._changed:
            return list(self._items)

    def wait_for(self, satisfied: Callable[[list[T]], object], what: str) -> list[T]:
        """All that was heard, as soon as it satisfies; looked at when something is heard, and now and then besides."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not satisfied(self._items):
                assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s; heard {self._items}"
                self._changed.wait(0.02)
            return list(self._items)

    def wait_for_count(self, count: int, what: str) -> list[T]:
        return self.wait_for(lambda items: len(items) >= count, what)


@dataclass(frozen=True)
class Call:
    """A call that reached the master."""

    type: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; status 0 closes the connection without one, ``after`` delays it, ``hang_up`` ends the connection
    after it, which ``says_so`` announces.
    """

    status: int = 202
    body: str = ""
    location: str | None = None
    after: float = 0.0
    hang_up: bool = False
    says_so: bool = False


_END = b""


class FakeMaster:
    """Grants subscriptions unless ``refusals`` holds answers to give first; accepts calls unless ``answers`` does."""

    def __init__(self, host: str = "127.0.0.1", heartbeat: float = 60.0, tls: ssl.SSLContext | None = None) -> None:
        self.heartbeat = heartbeat
        self.framework_id = "framework-1"
        self.version = "1.11.0"
        self.domain: dict[str, Any] | None = None
        self.subscribes: Heard[Call] = Heard()
        self.calls: Heard[Call] = Heard()
        self.paths: Heard[str] = Heard()  # that were asked for with GET
        self.hung_up: Heard[float] = Heard()  # when it ended a connection
        self.refusals: deque[Answer] = deque()
        self.answers: deque[Answer] = deque()
        self.stream_ids: list[str] = []
        self._streams: list[queue.SimpleQueue[bytes]] = []
        self._server = _Server(self, host)
        if tls is not None:  # the handshake is left to the thread of each connection
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.server_address[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def send(self, event: dict[str, Any]) -> None:
        """An event on the present stream."""
        self.send_bytes(record(json.dumps(event).encode()))

    def send_bytes(self, data: bytes) -> None:
        """One chunk on the present stream."""
        self._streams[-1].put(data)

    def drop(self) -> None:
        """End the present stream without a last chunk."""
        self._streams[-1].put(_END)

    def close(self) -> None:
        for stream in self._streams:
            stream.put(_END)
        self._server.shutdown()
        self._server.server_close()

    # ------------------------------------------------------------- for the request handlers

    def begin_stream(self) -> tuple[str, queue.SimpleQueue[bytes]]:
        stream: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        stream_id = f"stream-{self.port}-{len(self._streams) + 1}"
        subscribed = {
            "framework_id": {"value": self.framework_id},
            "heartbeat_interval_seconds": self.heartbeat,
            "master_info": {"version": self.version, **({"domain": self.domain} if self.domain else {})},
        }
        stream.put(record(json.dumps({"type": "SUBSCRIBED", "subscribed": subscribed}).encode()))
        self._streams.append(stream)
        self.stream_ids.append(stream_id)
        return stream_id, stream


class Server(ThreadingHTTPServer):
    """One whose callers may hang up at any time."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Server(Server):
    def __init__(self, master: FakeMaster, host: str) -> None:
        self.master = master
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.master.paths.add(self.path)
        self._answer(Answer(404))

    def do_POST(self) -> None:
        assert isinstance(self.server, _Server)
        master = self.server.master
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        call = Call(body["type"], body, dict(self.headers.items()), time.monotonic())
        if call.type == "SUBSCRIBE":
            answer = master.refusals.popleft() if master.refusals else None
            master.subscribes.add(call)
            if answer is None:
                self._stream(master)
            else:
                self._answer(answer)
        else:
            answer = master.answers.popleft() if master.answers else Answer()
            master.calls.add(call)
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        time.sleep(answer.after)
        if answer.status == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.says_so:
            self.send_header("Connection", "close")
        if answer.location is not None:
            self.send_header("Location", answer.location)
        self.end_headers()
        self.wfile.write(answer.body.encode())
        if answer.hang_up:
            assert isinstance(self.server, _Server)
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.server.master.hung_up.add(time.monotonic())

    def _stream(self, master: FakeMaster) -> None:
        stream_id, chunks = master.begin_stream()
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Mesos-Stream-Id", stream_id)
        self.end_headers()
        self.close_connection = True
        while chunk := chunks.get():
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The test says what it saw."""


def record(data: bytes) -> bytes:
    """RecordIO."""
    return b"%d\n%b" % (len(data), data)


def status(task_id: str, **more: object) -> dict[str, Any]:
    """An event that tells a task's status."""
    told = {"task_id": {"value": task_id}, "state": "TASK_RUNNING", "agent_id": {"value": "a"}, "timestamp": 1.5}
    return {"type": "UPDATE", "update": {"status": {**told, **more}}}


@contextmanager
def masters(count: int = 1, **more: Any) -> Iterator[list[FakeMaster]]:
    """Some masters, gone after the test."""
    running = [FakeMaster(**more) for _ in range(count)]
    try:
        yield running
    finally:
        for master in running:
            master.close()
