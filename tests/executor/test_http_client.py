"""HTTP as the executor speaks it: what correct servers send is read, however it arrives; anything else is refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podexec import http_client
from podexec.http_client import MOST_HEAD, HttpError, Reader, post

Peer = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def connected(peer: Peer) -> Iterator[socket.socket]:
    """A socket to a peer that does as it likes on a thread of its own, and then hangs up."""
    here, there = socket.socketpair()

    def run() -> None:
        with there, contextlib.suppress(OSError):
            peer(there)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with here:
            yield here
    finally:
        thread.join()


def sends(*pieces: bytes) -> Peer:
    def peer(sock: socket.socket) -> None:
        for piece in pieces:
            sock.sendall(piece)

    return peer


def read(peer: Peer, within: float | None = 5.0) -> tuple[int, bytes]:
    """Status and body of the answer."""
    with connected(peer) as sock:
        reader = Reader(sock, None if within is None else time.monotonic() + within)
        head = reader.head()
        return head.status, reader.whole_body(head)


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks if each) + b"0\r\n\r\n"


# -- what servers send ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (OK + b"Content-Length: 2\r\n\r\nhi", (200, b"hi")),
        (OK + b"Content-Length: 0\r\n\r\n", (200, b"")),
        (OK + b"content-LENGTH:2\r\nDate: now\r\n\r\nhi and more", (200, b"hi")),
        (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", (200, b"hi")),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"h", b"i"), (200, b"hi")),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nTrailer: 1\r\n\r\n", (200, b"hi")),
        (b"HTTP/1.0 503 \r\n\r\nuntil the end", (503, b"until the end")),
        (b"HTTP/1.1 202\r\nContent-Length: 0\r\n\r\n", (202, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 \r\nA: b\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\n1",
            (200, b"1"),
        ),
    ],
)
def test_an_answer_is_read(answer: bytes, expected: tuple[int, bytes]) -> None:
    assert read(sends(answer)) == expected


@given(
    st.lists(st.binary(max_size=20), max_size=5),
    st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=20),
)
def test_it_may_arrive_in_any_pieces(chunks: list[bytes], sizes: list[int]) -> None:
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(*chunks)

    class Sock:
        def settimeout(self, _seconds: float | None) -> None:
            """It has everything."""

        def recv(self, most: int) -> bytes:
            nonlocal answer
            size = min(most, sizes[0])
            sizes.append(sizes.pop(0))
            piece, answer = answer[:size], answer[size:]
            return piece

    reader = Reader(Sock(), None)
    head = reader.head()
    pieces = list(reader.body(head))
    assert b"".join(pieces) == b"".join(chunks)
    assert all(pieces)


def test_a_piece_is_there_as_soon_as_it_arrives() -> None:
    more = threading.Event()

    def peer(sock: socket.socket) -> None:
        sock.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe")
        assert more.wait(5)
        sock.sendall(b"llo\r\n0\r\n\r\n")

    with connected(peer) as sock:
        reader = Reader(sock, time.monotonic() + 5)
        body = reader.body(reader.head())
        assert next(body) == b"he"
        more.set()
        assert b"".join(body) == b"llo"


def test_headers_have_names_without_case_and_all_their_values() -> None:
    with connected(sends(OK + b"A-b:  x \r\na-B:y\r\n\r\n")) as sock:
        assert Reader(sock, None).head().headers == {"a-b": "x, y"}


def test_a_request_is_complete() -> None:
    assert post("/api/v1", "[::1]:5051", {"Accept": "application/json"}, b"{}") == (
        b"POST /api/v1 HTTP/1.1\r\nHost: [::1]:5051\r\nAccept-Encoding: identity\r\nContent-Length: 2\r\n"
        b"Accept: application/json\r\n\r\n{}"
    )


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb"])
def test_a_text_cannot_end_its_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        post("/", "host", {"Authorization": value}, b"")


# -- hostile and broken peers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed before the end"),
        (b"HTTP/1.1 200", "closed before the end"),
        (OK + b"Content-Le", "closed before the end"),
        (OK + b"Content-Length: 5\r\n\r\nhi", "closed before the end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi", "closed before the end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", "closed before the end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", "closed before the end"),
        (b"SSH-2.0-OpenSSH\r\n", "not the first line of an answer"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "not the first line of an answer"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not the first line of an answer"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "not the first line of an answer"),
        (b"HTTP/1.1 20\r\n\r\n", "no status 20"),
        (b"HTTP/1.1 099 \r\n\r\n", "no status 99"),
        (b"HTTP/1.1 200 OK\n\n", "does not end in CRLF"),
        (OK + b"A: b\r\n folded\r\n\r\n", "not a header"),
        (OK + b"A : b\r\n\r\n", "not a header"),
        (OK + b": b\r\n\r\n", "not a header"),
        (OK + b"no colon\r\n\r\n", "not a header"),
        (OK + b"A: b\0c\r\n\r\n", "not a header"),
        (OK + b"A: b\rc\r\n\r\n", "not a header"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: -2\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: 0x2\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: 1_0\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: \xb2\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: 99999999999999999999999\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length:\r\n\r\nhi", "not a length"),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "cannot read a body"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "cannot read a body"),
        (OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "cannot read a body"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n", "not the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n", "not the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n\r\nhi\r\n", "not the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", "not the size of a chunk"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n", "longer than its size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 2000, "longer than 1024 bytes"),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi", "Content-Encoding 'gzip'"),
        (OK + b"A: " + b"x" * MOST_HEAD, "longer than"),
        (OK + b"A: b\r\n" * MOST_HEAD, "longer than"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * MOST_HEAD, "longer than"),
        (b"x" * 2 * MOST_HEAD, "longer than"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * MOST_HEAD, "longer than"),
    ],
)
def test_anything_else_is_refused(answer: bytes, reason: str) -> None:
    with pytest.raises(HttpError, match=reason):
        read(sends(answer))


def test_a_whole_answer_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "MOST_BODY", 1000)
    with pytest.raises(HttpError, match="longer than 1000 bytes"):
        read(sends(OK + b"Content-Length: 999999999\r\n\r\n" + b"x" * 5000))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_refused(noise: bytes) -> None:
    for begin in (b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n"):
        with contextlib.suppress(HttpError):
            read(sends(begin + noise))


@pytest.mark.parametrize("begin", [b"", OK, OK + b"Content-Length: 9\r\n\r\n"])
def test_a_silent_peer_is_given_up(begin: bytes) -> None:
    with pytest.raises(TimeoutError):
        read(lambda sock: (sock.sendall(begin), sock.recv(1))[0], within=0.05)


def test_a_peer_that_trickles_has_no_more_time_than_others() -> None:
    def peer(sock: socket.socket) -> None:
        sock.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
        while True:
            sock.sendall(b"x")
            time.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        read(peer, within=0.2)
    assert time.monotonic() - began < 5
