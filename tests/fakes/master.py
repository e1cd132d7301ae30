"""A Mesos master over HTTP, as schedulers see it: the scheduler API, and what of the operator API tells of agents."""

import json
import queue
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.fakes.heard import Heard
from tests.fakes.server import Handler, Server, chunk, record

_END = b""


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


class FakeMaster:
    """Grants subscriptions unless ``refusals`` holds answers to give first; accepts calls unless ``answers`` does.

    Attributes:
        first_event: sent on every new stream in place of SUBSCRIBED.
        piece: at most this many bytes of a stream are written at once; None: whole chunks.
        agents, recovered: what ``/slaves`` lists where ``agents_status`` is 200; by default there is no such path.
        frameworks: what GET_FRAMEWORKS lists.
        reads: path and Authorization header of every request of the operator API.
    """

    def __init__(self, host: str = "127.0.0.1", heartbeat: float = 60.0, tls: ssl.SSLContext | None = None) -> None:
        self.heartbeat = heartbeat
        self.framework_id = "framework-1"
        self.version = "1.11.0"
        self.domain: dict[str, Any] | None = None
        self.first_event: dict[str, Any] | None = None
        self.piece: int | None = None
        self.agents: Any = []
        self.recovered: list[dict[str, Any]] = []
        self.agents_status = 404
        self.frameworks: list[dict[str, Any]] = []
        self.subscribes: Heard[Call] = Heard()
        self.calls: Heard[Call] = Heard()
        self.reads: Heard[tuple[str, str | None]] = Heard()
        self.hung_up: Heard[float] = Heard()  # when it ended a connection
        self.refusals: deque[Answer] = deque()
        self.answers: deque[Answer] = deque()
        self.stream_ids: list[str] = []
        self._streams: list[queue.SimpleQueue[bytes]] = []
        self._server = _Server(self, host, tls)
        self.port: int = self._server.server_address[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def send(self, event: dict[str, Any]) -> None:
        """An event on the current stream."""
        self.send_bytes(record(json.dumps(event).encode()))

    def send_bytes(self, data: bytes) -> None:
        """One chunk on the current stream."""
        self._streams[-1].put(data)

    def drop(self) -> None:
        """End the current stream without a last chunk."""
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
        event = self.first_event or {"type": "SUBSCRIBED", "subscribed": subscribed}
        stream.put(record(json.dumps(event).encode()))
        self._streams.append(stream)
        self.stream_ids.append(stream_id)
        return stream_id, stream


class _Server(Server):
    def __init__(self, master: FakeMaster, host: str, tls: ssl.SSLContext | None) -> None:
        self.master = master
        super().__init__(_Handler, socket.AF_INET6 if ":" in host else socket.AF_INET, (host, 0), tls)


class _Handler(Handler):
    @property
    def master(self) -> FakeMaster:
        assert isinstance(self.server, _Server)
        return self.server.master

    def do_GET(self) -> None:
        master = self.master
        master.reads.add((self.path, self.headers["Authorization"]))
        match self.path:
            case "/slaves":
                self.answer(master.agents_status, {"slaves": master.agents, "recovered_slaves": master.recovered})
            case "/version":
                self.answer(200, {"version": master.version})
            case _:
                self.answer(404)

    def do_POST(self) -> None:
        if self.path == "/api/v1":
            self._operator_call(self.body())
        else:
            self._scheduler_call(self.body())

    def _operator_call(self, call: dict[str, Any]) -> None:
        assert call == {"type": "GET_FRAMEWORKS"}
        self.master.reads.add((self.path, self.headers["Authorization"]))
        self.answer(200, {"get_frameworks": {"frameworks": self.master.frameworks}})

    def _scheduler_call(self, body: dict[str, Any]) -> None:
        master = self.master
        call = Call(body["type"], body, dict(self.headers.items()), time.monotonic())
        if call.type == "SUBSCRIBE":
            answer = master.refusals.popleft() if master.refusals else None
            master.subscribes.add(call)
            if answer is None:
                self._stream(master)
            else:
                self._answer_call(answer)
        else:
            answer = master.answers.popleft() if master.answers else Answer()
            master.calls.add(call)
            self._answer_call(answer)

    def _answer_call(self, answer: Answer) -> None:
        time.sleep(answer.after)
        if answer.status == 0:
            self.close_connection = True
            return
        headers = {"Connection": "close"} if answer.says_so else {}
        if answer.location is not None:
            headers["Location"] = answer.location
        self.answer(answer.status, answer.body, **headers)
        if answer.hang_up:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.master.hung_up.add(time.monotonic())

    def _stream(self, master: FakeMaster) -> None:
        stream_id, events = master.begin_stream()
        self.begin_stream(Mesos_Stream_Id=stream_id)
        self.close_connection = True
        while event := events.get():
            data = chunk(event)
            piece = master.piece or len(data)
            for start in range(0, len(data), piece):
                self.wfile.write(data[start : start + piece])


def status(task_id: str, **more: object) -> dict[str, Any]:
    """An event that reports a task's status."""
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
