"""HTTP/1.1 as the executor needs it: one POST per connection, and an answer that is read at once or as it arrives.

``http.client`` is not used, because its import takes a fifth of the CPU time of the executor's start: it brings parsers
for mail and URLs. This module knows nothing of Mesos, and gets its sockets from :mod:`podexec.transport`.

It follows RFC 9112, and refuses what a correct server does not send rather than guess: lines that do not end in CRLF,
folded headers, two different lengths, a length beside chunks, other transfer codings. What a peer can make it hold in
memory is limited, and so is the time that an answer may take, however slowly it trickles in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from podexec.record import record

if TYPE_CHECKING:
    import socket

# Status line and headers, or the trailers of a body in chunks. Agents send less than 1 kB.
MOST_HEAD: Final = 64 * 1024
# An answer that is read as a whole.
MOST_BODY: Final = 64 * 1024 * 1024
_LONGEST_CHUNK_LINE: Final = 1024
_MOST_HEX_DIGITS: Final = 16
_MOST_DIGITS: Final = 19
# The kernel fills this much at a time; each of the many threads that wait for an answer holds it.
_READ: Final = 8 * 1024
_LEAST_WAIT: Final = 0.001

_CONTINUE, _SWITCHING = 100, 101
_WITHOUT_BODY: Final = (204, 304)
_DIGITS: Final = frozenset(b"0123456789")
_HEX_DIGITS: Final = frozenset(b"0123456789abcdefABCDEF")
# RFC 9110, 5.6.2: the characters of names.
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class HttpError(Exception):
    """The peer does not answer in HTTP, or its answer breaks off."""


@record
class Head:
    """Status and headers of an answer. Names of headers are in lower case; values of the same name are joined."""

    status: int
    headers: Mapping[str, str]


class Reader:
    """Reads one answer from a socket. ``deadline`` (monotonic; None for no limit) applies to each read from now on.

    Raises HttpError for an answer that is not HTTP or incomplete, TimeoutError after the deadline, or OSError.
    """

    def __init__(self, sock: socket.socket, deadline: float | None) -> None:
        self.deadline = deadline
        self._socket = sock
        self._buffer = bytearray()

    def head(self) -> Head:
        """Read up to the body; interim answers are skipped."""
        left = MOST_HEAD
        while True:
            line = self._line(left)
            status = _status(line)
            headers, left = self._headers(left - len(line))
            if headers.get("content-encoding", "identity").lower() != "identity":
                raise HttpError(f"the answer has the Content-Encoding {headers['content-encoding'][:80]!r}, unasked")
            if status >= _CONTINUE + 100 or status == _SWITCHING:
                return Head(status, headers)

    def body(self, head: Head) -> Iterator[bytes]:
        """Yield the body in pieces as they arrive; they are only as large as what has arrived."""
        coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
        if head.status in _WITHOUT_BODY:
            return iter(())
        if coding is not None:
            if coding.lower() != "chunked" or length is not None:
                raise HttpError(f"cannot read a body with the codings {coding!r} and the length {length!r}")
            return self._chunks()
        return self._rest() if length is None else self._sized(_length(length))

    def whole_body(self, head: Head) -> bytes:
        """Read the body at once; it is limited to MOST_BODY bytes."""
        body = bytearray()
        for piece in self.body(head):
            body += piece
            if len(body) > MOST_BODY:
                raise HttpError(f"the answer is longer than {MOST_BODY} bytes")
        return bytes(body)

    # -- bodies ------------------------------------------------------------------------------------------------

    def _sized(self, left: int) -> Iterator[bytes]:
        while left:
            piece = self._piece(left)
            left -= len(piece)
            yield piece

    def _rest(self) -> Iterator[bytes]:
        """The body of an answer that ends with its connection."""
        while self._buffer or self._receive():
            yield self._piece(len(self._buffer))

    def _chunks(self) -> Iterator[bytes]:
        while size := _chunk_size(self._line(_LONGEST_CHUNK_LINE)):
            yield from self._sized(size)
            if self._line(_LONGEST_CHUNK_LINE):
                raise HttpError("a chunk is longer than its size")
        self._headers(MOST_HEAD)

    # -- lines and bytes ---------------------------------------------------------------------------------------

    def _headers(self, left: int) -> tuple[dict[str, str], int]:
        headers: dict[str, str] = {}
        while line := self._line(left):
            left -= len(line)
            name, colon, value = line.partition(b":")
            if not colon or not name or not _TOKEN.issuperset(name) or b"\0" in value or b"\r" in value:
                raise HttpError(f"{_shown(line)} is not a header")
            key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        return headers, left

    def _line(self, most: int) -> bytes:
        """The next line, without CRLF."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen, most + 2)) < 0:
            seen = len(self._buffer)
            if seen >= most + 2:
                raise HttpError(f"a line or the headers are longer than {most} bytes")
            self._need()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if not line.endswith(b"\r\n"):
            raise HttpError(f"{_shown(line)} does not end in CRLF")
        return line[:-2]

    def _piece(self, most: int) -> bytes:
        """The next bytes: at least one, as many as have arrived, at most this many."""
        if not self._buffer:
            self._need()
        piece = bytes(self._buffer[:most])
        del self._buffer[:most]
        return piece

    def _need(self) -> None:
        if not self._receive():
            raise HttpError("the connection was closed before the end of the answer")

    def _receive(self) -> bool:
        """Wait for more bytes. Returns False at the end of the connection."""
        left = None if self.deadline is None else self.deadline - time.monotonic()
        self._socket.settimeout(None if left is None else max(left, _LEAST_WAIT))
        received = self._socket.recv(_READ)
        self._buffer += received
        return bool(received)


def post(path: str, host: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a request. Raises ValueError if a text could end its line."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in the head of a request")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _status(line: bytes) -> int:
    """``HTTP/1.1 200 OK``; the reason may be empty, and so may the space before it."""
    version, code, separator = line[:9], line[9:12], line[12:13]
    if version not in (b"HTTP/1.1 ", b"HTTP/1.0 ") or not _is_number(code, 3) or separator not in (b"", b" "):
        raise HttpError(f"{_shown(line)} is not the first line of an answer")
    status = int(code)
    if status < _CONTINUE or len(code) != 3:
        raise HttpError(f"there is no status {status}")
    return status


def _length(text: str) -> int:
    """Content-Length; some servers repeat the same one."""
    lengths = {each.strip() for each in text.split(",")}
    if len(lengths) != 1 or not _is_number(text.partition(",")[0].strip().encode("latin-1"), _MOST_DIGITS):
        raise HttpError(f"{text[:80]!r} is not a length")
    return int(lengths.pop())


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not 0 < len(digits) <= _MOST_HEX_DIGITS or not _HEX_DIGITS.issuperset(digits):
        raise HttpError(f"{_shown(line)} is not the size of a chunk")
    return int(digits, 16)


def _is_number(digits: bytes, most: int) -> bool:
    return 0 < len(digits) <= most and _DIGITS.issuperset(digits)


def _shown(line: bytes) -> str:
    return repr(bytes(line[:80]))
