"""Masters and agents that send anything: the driver stays up, keeps little of it, and tries again."""

import gzip
import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from scheduler.core.events import AgentDescribed, Event, OffersReceived, StatusUpdated
from scheduler.mesos import agents, codec
from scheduler.mesos.agents import AgentProbe
from scheduler.mesos.credentials import Credentials
from tests.fakes.agent import FakeAgent
from tests.fakes.heard import Heard
from tests.fakes.hostile import hostile
from tests.fakes.master import FakeMaster, status
from tests.fakes.server import chunk, record
from tests.mesos.running import connected, connecting

OK = b"HTTP/1.1 200 OK\r\n"
STREAM = OK + b"Mesos-Stream-Id: s\r\nTransfer-Encoding: chunked\r\n"
FEW = 8 * 1024 * 1024  # bytes, with what the buffers of two sockets hold
ENDLESS_HEADS = [
    (b"HTTP/1.1 200 ", b"OK"),
    (OK + b"x: ", b"y"),
    (OK, b"x: y\r\n"),
    (STREAM + b"\r\n0\r\n", b"x: y\r\n"),
    (STREAM + b"\r\n1", b";x=y"),
]


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("answer", "endless"),
    [
        *ENDLESS_HEADS,
        (STREAM + b"Content-Encoding: gzip\r\n\r\n" + chunk(gzip.compress(b" " * 10_000_000, mtime=0)), b""),
        *((STREAM + b"\r\n" + chunk(length + b"\n{}"), b"") for length in (b"-2", b"+2", b"2_0", b" 2", b"1e3", b"")),
        *((STREAM + b"\r\n" + chunk(b"9" * digits), chunk(b"9" * 1000)) for digits in (30, 5000)),
        (STREAM + b"\r\n" + chunk(b"999999999\n"), chunk(b"x" * 1000)),
    ],
)
def test_a_master_that_does_not_stop_is_left_and_tried_again(answer: bytes, endless: bytes) -> None:
    with hostile(answer, endless) as master, capture_logs() as logs, connecting(master.address) as framework:
        sent = master.sent.wait_for_count(3, "three connections that ended")
        assert framework.failures.all() == []
    assert max(sent) < FEW
    assert {line["event"] for line in logs if "master" in line["event"]} == {"not connected to the master"}


@pytest.mark.parametrize(
    "event",
    [
        deep(100_000),
        json.dumps({"type": "UPDATE", "update": {"status": "%"}}).replace('"%"', deep(900)),
        '{"type": "UPDATE", "update": {"status": {"timestamp": 1e999, "uuid": ' + "9" * 5000 + "}}}",
        json.dumps(status("t", timestamp="x")),
        json.dumps(status("t", check_status={"http": {"status_code": "9" * 5000}})),
        json.dumps(status("t", labels={"labels": [{"key": [], "value": {}}]})),
        '{"type": "OFFERS", "offers": {"offers": [' + deep(900) + "]}}",
        '{"type": "FAILURE", "failure": {"agent_id": {"value": 5}, "status": ' + "9" * 5000 + "}}",
        '{"type": "MESSAGE", "message": {"executor_id": {"value": "\\ud800"}, "data": []}}',
        "{}",
    ],
    ids=lambda each: each[:40],
)
def test_an_event_that_cannot_be_read_is_skipped(master: FakeMaster, event: str) -> None:
    with capture_logs() as logs, connected(master) as framework:
        for _ in range(3):
            master.send_bytes(record(event.encode()))
        master.send(status("good"))
        heard = framework.events.wait_for(
            lambda events: any(isinstance(each, StatusUpdated) and each.task_id == "good" for each in events),
            "the status that follows",
        )
        assert framework.failures.all() == []
        assert len(master.subscribes.all()) == 1
    assert sum(len(str(line)) for line in logs) < 20_000
    assert not [each for each in heard if isinstance(each, StatusUpdated) and each.task_id != "good"]


def test_an_offer_that_is_too_deep_to_be_written_again_is_declined_and_others_are_not(master: FakeMaster) -> None:
    offers = (
        f'{{"id": {{"value": "{name}"}}, "agent_id": {{"value": "a"}}, "more": {deep(levels)}}}'
        for name, levels in (("bad", 300), ("good", 100))
    )
    with connected(master) as framework:
        master.send_bytes(record(b'{"type": "OFFERS", "offers": {"offers": [%b]}}' % ",".join(offers).encode()))
        [event] = framework.wait_for(OffersReceived)
    assert isinstance(event, OffersReceived)
    assert [sorted(each) for each in event.offers] == [["id"], ["agent_id", "id", "more"]]


def test_an_event_that_is_too_large_is_skipped(master: FakeMaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "LARGEST_EVENT", 1000)
    with capture_logs() as logs, connected(master) as framework:
        master.send(status("large", data=["x"] * 1000) | {"type": "MESSAGE"})
        master.send(status("good"))
        framework.wait_for(StatusUpdated)
    assert ["1000 are the most" in line["error"] for line in logs if "error" in line] == [True]


# ----------------------------------------------------------------------------- agents


@pytest.fixture
def good() -> Iterator[FakeAgent]:
    fake = FakeAgent()
    yield fake
    fake.stop()


def listed(agent_id: str, port: int) -> dict[str, object]:
    address = {"ip": "127.0.0.1", "hostname": "h", "port": port}
    return {"agent_id": {"value": agent_id}, "url": {"address": address, "path": "/slave(1)"}}


FLAGS = json.dumps({"flags": {"isolation": "posix/cpu"}}).encode()


@pytest.mark.parametrize(
    ("answer", "endless", "pause"),
    [
        *((answer, endless, 0.0) for answer, endless in ENDLESS_HEADS),
        (OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(FLAGS, mtime=0), b"", 0.0),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x", 0.0),
        (OK + b"\r\n", b"x", 0.0),
        (OK + b"x: ", b"y", 0.05),
        (OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.05),
        (OK + b"\r\n" + deep(100_000).encode(), b"", 0.0),
        (OK + b'\r\n{"flags": {"isolation": 5}}', b"", 0.0),
    ],
)
def test_an_agent_that_does_not_stop_is_left_and_others_are_asked(
    good: FakeAgent, answer: bytes, endless: bytes, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "_LONGEST_ANSWER", 0.5)
    described: Heard[Event] = Heard()
    probe = AgentProbe(described.add, Credentials(), None, timeout=2.0, answer=lambda _: None)
    try:
        with hostile(answer, endless, pause) as bad, capture_logs() as logs:
            for number in range(8):  # more than are asked at a time
                probe.look_at([listed(f"bad-{number}", bad.port)])
            probe.look_at([listed("good", good.port)])
            [event] = described.wait_for_count(1, "the good agent")
            sent = bad.sent.wait_for_count(8, "all connections to the bad agent have ended")
            probe._pool.shutdown()
    finally:
        probe.stop()
    assert isinstance(event, AgentDescribed)
    assert event.agent_id == "good"
    assert max(sent) < FEW
    assert len(logs) == 8, "one line for each agent"
