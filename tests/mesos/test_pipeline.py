"""Requests and answers of one connection; the test is the other side of a pair of sockets."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scheduler.mesos.connection import Connection, ConnectionEndedError, InterruptedWaitError, Wakeup
from scheduler.mesos.pipeline import MOST_BYTES, MOST_CALLS, Answer, Pipeline
from scheduler.mesos.requests import Encoded, head, request

HEAD = head("host:1", "Basic abc", Mesos_Stream_Id="stream")
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
PATIENCE = 5.0


class Line:
    """A pipeline and the socket at its other end."""

    def __init__(self, patience: float) -> None:
        ours, self.other = socket.socketpair()
        self.other.settimeout(PATIENCE)
        self.is_interrupted = False
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.connection = Connection(ours, Wakeup(self.reader, lambda: self.is_interrupted))
        self.pipeline = Pipeline(self.connection, patience)

    def put(self, *names: str, body: bytes = b"{}") -> list[Encoded]:
        calls = [Encoded(name, body) for name in names]
        for call in calls:
            self.pipeline.put(HEAD, call)
        return calls

    def answers(self, count: int) -> list[Answer]:
        found: list[Answer] = []
        while len(found) < count:
            found += self.pipeline.turn()
        return found


@contextmanager
def connected(patience: float = PATIENCE) -> Iterator[Line]:
    line = Line(patience)
    with line.connection, line.other:
        yield line
    os.close(line.reader)
    os.close(line.writer)


@pytest.fixture
def line() -> Iterator[Line]:
    with connected() as one:
        yield one


def test_a_request_is_whole(line: Line) -> None:
    line.put("KILL", body=b'{"type":"KILL"}')
    line.pipeline.turn()
    assert line.other.recv(10_000) == (
        b"POST /api/v1/scheduler HTTP/1.1\r\nHost: host:1\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nAccept-Encoding: identity\r\nMesos-Stream-Id: stream\r\n"
        b"Authorization: Basic abc\r\n"
        b'Content-Length: 15\r\n\r\n{"type":"KILL"}'
    )


def test_many_are_sent_at_once_before_the_first_is_answered_and_answers_belong_in_order(line: Line) -> None:
    names = [f"call-{number}" for number in range(MOST_CALLS)]
    line.put(*names)
    assert not line.pipeline.has_room
    line.pipeline.turn()
    assert len(line.other.recv(1_000_000)) == MOST_CALLS * len(request(HEAD, b"{}"))
    line.other.sendall(ACCEPTED * 100)
    answers = line.answers(100)
    assert [answer.call.name for answer in answers] == names[:100]
    assert {answer.status for answer in answers} == {202}
    assert line.pipeline.has_room
    assert line.pipeline.unanswered == MOST_CALLS - 100


def test_big_calls_fill_it_before_many(line: Line) -> None:
    line.put("ACCEPT", "ACCEPT", body=b"x" * (MOST_BYTES // 2))
    assert not line.pipeline.has_room


@pytest.mark.parametrize(
    ("raw", "status", "text"),
    [
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 5\r\n\r\nwrong", 400, "wrong"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ACCEPTED, 202, ""),
        (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 500, "abcde"),
        (b"HTTP/1.1 400 Bad\r\nContent-Length: 4000\r\n\r\n" + b"x" * 4000, 400, "x" * 1000),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
    ],
)
def test_an_answer_is_understood_however_it_is_written_and_cut(line: Line, raw: bytes, status: int, text: str) -> None:
    (call,) = line.put("KILL")
    line.pipeline.turn()
    size = max(7, len(raw) // 50)
    for at in range(0, len(raw), size):
        line.other.sendall(raw[at : at + size])
    assert line.answers(1) == [Answer(call, status, text)]


def test_an_answer_without_a_length_ends_with_the_connection(line: Line) -> None:
    call, behind = line.put("KILL", "REVIVE")
    line.pipeline.turn()
    line.other.sendall(b"HTTP/1.0 503 Unavailable\r\n\r\nnobody leads")
    line.other.shutdown(socket.SHUT_WR)
    assert line.answers(1) == [Answer(call, 503, "nobody leads")]
    with pytest.raises(ConnectionEndedError):
        line.answers(1)
    assert line.pipeline.left() == ([], [behind])


def test_calls_left_at_the_end_are_separated_by_whether_they_can_have_arrived(line: Line) -> None:
    arrived = line.put("KILL", "REVIVE")
    line.pipeline.turn()
    big = line.put("ACCEPT", body=b"x" * 32 * 1024 * 1024)
    behind = line.put("KILL")
    line.pipeline.turn()
    line.other.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionEndedError):
        line.answers(1)
    assert line.pipeline.left() == (arrived, big + behind)


def test_after_an_announced_end_no_more_calls_are_accepted(line: Line) -> None:
    _, *behind = line.put("KILL", "ACCEPT", "KILL")
    line.pipeline.turn()
    line.other.sendall(b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    assert line.pipeline.turn() == []
    assert not line.pipeline.has_room
    line.other.sendall(b"ok")
    assert len(line.answers(1)) == 1
    with pytest.raises(ConnectionEndedError, match="closes the connection"):
        line.answers(1)
    assert line.pipeline.left() == ([], behind)


def test_nothing_is_sent_to_an_end_that_was_there_before(line: Line) -> None:
    line.other.shutdown(socket.SHUT_WR)
    calls = line.put("ACCEPT")
    with pytest.raises(ConnectionEndedError):
        line.pipeline.turn()
    assert line.pipeline.left() == ([], calls)


def test_an_overdue_answer_ends_it() -> None:
    with connected(patience=0.05) as line:
        calls = line.put("KILL", "REVIVE")
        line.pipeline.turn()
        line.other.sendall(ACCEPTED)
        assert len(line.answers(1)) == 1
        with pytest.raises(ConnectionEndedError, match=r"no answer for 0\.05 seconds"):
            line.answers(1)
        assert line.pipeline.left() == (calls[1:], [])


def test_silence_is_no_harm_while_nothing_was_asked() -> None:
    with connected(patience=0.05) as line:
        for _ in range(3):
            assert line.pipeline.turn() == []


def test_good_answers_are_given_before_the_bad_one_ends_it(line: Line) -> None:
    line.put("KILL", "KILL")
    line.pipeline.turn()
    line.other.sendall(ACCEPTED + b"garbage\r\n\r\n")
    assert len(line.answers(1)) == 1
    with pytest.raises(ConnectionEndedError, match="the answer is not HTTP"):
        line.answers(1)


def test_an_answer_to_nothing_ends_it(line: Line) -> None:
    line.other.sendall(ACCEPTED)
    with pytest.raises(ConnectionEndedError):
        line.answers(1)


def test_a_wait_is_woken_and_interrupted(line: Line) -> None:
    os.write(line.writer, b"\0")
    assert line.pipeline.turn() == []
    line.is_interrupted = True
    os.write(line.writer, b"\0")
    with pytest.raises(InterruptedWaitError):
        line.pipeline.turn()
