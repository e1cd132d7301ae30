"""pymesos' own connection and drivers with the bundled parser, against a small server on the loopback address."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from podexec._vendor.pymesos import MesosSchedulerDriver, Scheduler
from podexec._vendor.pymesos.process import Connection
from tests.fakes.master import masters

DEADLINE = 10.0

EVENTS: list[dict[str, Any]] = [
    {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f-1"}}},
    {"type": "HEARTBEAT"},
    {"type": "OFFERS", "offers": {"offers": [{"id": {"value": "ö" * 20}}]}},
]
HEAD = b"HTTP/1.1 200 OK\r\nMesos-Stream-Id: stream-7\r\nTransfer-Encoding: chunked\r\n\r\n"


def record(event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False).encode()
    return b"%d\n%s" % (len(text), text)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event_stream() -> bytes:
    """Records and chunks with different boundaries: the first record spans three chunks."""
    records = b"".join(map(record, EVENTS))
    return HEAD + chunk(records[:7]) + chunk(records[7:8]) + chunk(records[8:])


class Callback:
    """Records the calls of a pymesos Connection to its driver."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.stream_id: str | None = None
        self.master: str | None = None
        self.closed = 0

    def gen_request(self) -> bytes:
        return b"POST /api/v1/scheduler HTTP/1.1\r\n\r\n"

    def process_event(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def change_master(self, master: str) -> None:
        self.master = master

    def on_close(self) -> None:
        self.closed += 1


class Line:
    """A Connection of pymesos and its other end."""

    def __init__(self, listener: socket.socket) -> None:
        self.callback = Callback()
        host, port = listener.getsockname()
        self.connection = Connection(f"{host}:{port}", self.callback)
        self.peer, _ = listener.accept()
        assert self.connection.handle_connect_event() == ""
        self.connection._sock.setblocking(True)

    def say(self, data: bytes) -> bool:
        """Send a piece, let pymesos read it, and return whether it continues."""
        self.peer.sendall(data)
        before = 0
        going_on = True
        while going_on and before < len(data):
            going_on = self.connection.read()
            before += 4096
        return going_on

    def close(self) -> None:
        self.connection.close()
        self.peer.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE)
        yield server


@pytest.fixture
def line(listener: socket.socket) -> Iterator[Line]:
    line = Line(listener)
    yield line
    line.close()


def test_a_stream_split_at_every_byte_gives_the_same_events(listener: socket.socket) -> None:
    stream = event_stream()
    for split in range(1, len(stream)):
        line = Line(listener)
        assert line.say(stream[:split]), f"pymesos gave up before byte {split}"
        assert line.say(stream[split:]), f"pymesos gave up after byte {split}"
        assert line.callback.events == EVENTS, f"split at byte {split}"
        assert line.callback.stream_id == "stream-7"
        line.close()


def test_a_stream_that_comes_byte_by_byte_gives_the_same_events(line: Line) -> None:
    stream = event_stream()
    assert all(line.say(stream[i : i + 1]) for i in range(len(stream)))
    assert line.callback.events == EVENTS


def test_events_are_given_as_they_come_and_not_at_the_end(line: Line) -> None:
    line.say(HEAD)
    assert line.callback.stream_id == "stream-7"
    for number, event in enumerate(EVENTS, start=1):
        line.say(chunk(record(event)))
        assert line.callback.events == EVENTS[:number]


def test_the_last_chunk_ends_the_connection(line: Line) -> None:
    assert line.say(event_stream())
    assert not line.say(b"0\r\n\r\n")


def test_a_redirect_names_the_new_master(line: Line) -> None:
    going_on = line.say(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: //10.0.0.9:5050/x\r\nContent-Length: 0\r\n\r\n")
    assert not going_on
    assert line.callback.master == "10.0.0.9:5050"


def test_503_ends_the_connection_quietly(line: Line) -> None:
    assert not line.say(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    assert line.callback.events == []


@pytest.mark.parametrize(
    "status", [b"400 Bad Request", b"401 Unauthorized", b"403 Forbidden", b"500 Internal Server Error"]
)
def test_other_errors_carry_status_and_text(line: Line, status: bytes) -> None:
    with pytest.raises(RuntimeError, match=r"Failed with HTTP \d+: b'why not'"):
        line.say(b"HTTP/1.1 " + status + b"\r\nContent-Length: 7\r\n\r\nwhy not")


def test_a_stream_that_is_no_http_is_an_error(line: Line) -> None:
    with pytest.raises(RuntimeError, match="Failed to parse, code:1"):
        line.say(b"\x16\x03\x01 this is TLS\r\n\r\n")


def test_an_event_of_a_megabyte_arrives(line: Line) -> None:
    big = {"type": "MESSAGE", "message": {"data": "x" * 1_000_000}}
    sender = threading.Thread(target=line.peer.sendall, args=(HEAD + chunk(record(big)),))
    sender.start()
    while not line.callback.events:
        assert line.connection.read()
    sender.join(DEADLINE)
    assert line.callback.events == [big]


# -- a whole driver ---------------------------------------------------------------------------------------------------


class Decliner(Scheduler):  # pymesos has no types
    """Declines every offer."""

    def resourceOffers(self, driver: MesosSchedulerDriver, offers: list[dict[str, Any]]) -> None:
        for offer in offers:
            driver.declineOffer(offer["id"])


def test_a_scheduler_driver_subscribes_gets_offers_and_calls_with_its_stream_id() -> None:
    framework = {"user": "nobody", "name": "compat", "id": {"value": "f-1"}}
    with masters() as (master,):
        master.piece = 11
        driver = MesosSchedulerDriver(Decliner(), framework, master.address, failover=True)
        try:
            driver.start()
            master.subscribes.wait_for_count(1, "the subscription")
            offers = record(EVENTS[-1])
            master.send_bytes(offers[:7])
            master.send_bytes(offers[7:])
            (call,) = master.calls.wait_for_count(1, "the refusal of the offer")
        finally:
            driver.stop(failover=True)
            driver.join()
    assert (call.headers["Mesos-Stream-Id"], call.type) == (master.stream_ids[0], "DECLINE")
    assert call.body["decline"]["offer_ids"] == [{"value": "ö" * 20}]
