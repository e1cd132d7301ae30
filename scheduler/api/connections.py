"""Limits on the API's connections: their number, the time that a client may take, and the memory that it may fill.

At the limit a new connection replaces an idle one: of the address with the most connections, the one that has been idle
longest. If every connection is in use, or an address already has its share, a new one is answered with 503. Connections
in use - a request being answered, an event stream, a WebSocket - are never closed for this; one whose client has
stopped reading its answer counts as idle.
"""

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import NoReturn

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from scheduler.observe.seldom import Seldom

_LOOK_EVERY = 1.0
_LOG_EVERY = 60.0
_LARGEST_HEAD = 64 * 1024  # bytes; also of the trailers, or of the extensions of a chunk
_MOST_HEADERS = 128  # of one request
_MOST_WAITING = 16  # requests behind the one being answered on the same connection
_log = structlog.get_logger("scheduler.api")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for connections. Times are seconds.

    Attributes:
        most: the number of connections; one address may have three quarters of it.
        first: time until the first request starts.
        head: time from a request's first byte to the end of its head.
        body: time in which at least ``least`` bytes of a body must arrive, while the server reads.
        stalled: time after which a connection whose client reads nothing of its answer counts as idle.
        unread: bytes of answers, of all connections together, that wait until their clients read them.
    """

    most: int
    first: float = 60.0
    head: float = 30.0
    body: float = 30.0
    least: int = 1024
    stalled: float = 60.0
    unread: int = 256 * 1024 * 1024

    @property
    def share(self) -> int:
        """The number of connections that one address may have."""
        return max(1, self.most - self.most // 4)


class Connections:
    """All connections of a server. Belongs to its event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._all: set[HttpConnection] = set()
        self._addresses: Counter[str] = Counter()
        self._idle: dict[str, dict[HttpConnection, None]] = {}  # by address; the longest idle first
        self._unread: set[HttpConnection] = set()  # those with much of an answer still to send
        self._too_much = Seldom()
        self._logged_at = float("-inf")
        self._closed = self._refused = 0  # since it was logged last
        self._looking = False

    def __len__(self) -> int:
        return len(self._all)

    def admit(self, new: "HttpConnection") -> bool:
        """Admit a connection, closing an idle one if necessary; False: there is no room."""
        if not self._has_room(new.address):
            self._log_limit(new)
            return False
        self._all.add(new)
        self._addresses[new.address] += 1
        self.settle(new)
        if not self._looking:
            self._looking = True
            new.loop.call_later(_LOOK_EVERY, self._look, new.loop)
        return True

    def leave(self, gone: "HttpConnection") -> None:
        """A connection has ended."""
        if gone not in self._all:
            return
        self._all.discard(gone)
        self._unread.discard(gone)
        self._addresses -= Counter({gone.address: 1})
        self._is_busy(gone)

    def settle(self, each: "HttpConnection") -> None:
        """Record whether a connection is idle, so that it may be closed."""
        if each not in self._all or not each.is_idle:
            self._is_busy(each)
        else:
            self._idle.setdefault(each.address, {}).setdefault(each)

    def filled(self, each: "HttpConnection") -> None:
        """Much of a connection's answer waits for its client. Ends the connections with most, if it is too much."""
        self._unread.add(each)
        sizes = {waiting: waiting.transport.get_write_buffer_size() for waiting in self._unread}
        total = sum(sizes.values())
        while total > self.limits.unread:
            victim = max(sizes, key=sizes.__getitem__)
            if count := self._too_much.count(victim.loop.time()):
                _log.warning(
                    "clients do not read their answers: closing the connection with the most unread data",
                    closed=count,
                    unread=total,
                    limit=self.limits.unread,
                    client_ip=victim.address,
                )
            total -= sizes.pop(victim)
            self._end(victim)

    def drained(self, each: "HttpConnection") -> None:
        """A connection's client has read its answer."""
        self._unread.discard(each)

    def _end(self, victim: "HttpConnection") -> None:
        self.leave(victim)
        victim.transport.abort()

    def _is_busy(self, each: "HttpConnection") -> None:
        idle = self._idle.get(each.address, {})
        idle.pop(each, None)
        if not idle:
            self._idle.pop(each.address, None)

    def _has_room(self, address: str) -> bool:
        if self._addresses[address] >= self.limits.share:
            return self._close_idle([address])
        return len(self._all) < self.limits.most or self._close_idle(self._idle)

    def _close_idle(self, addresses: "list[str] | dict[str, dict[HttpConnection, None]]") -> bool:
        """Make room for one connection by closing an idle one of these addresses."""
        most = max((each for each in addresses if each in self._idle), key=self._addresses.__getitem__, default=None)
        if most is None:
            return False
        self._log_limit(None)
        self._end(next(iter(self._idle[most])))
        return True

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End connections that keep the server waiting for too long, and drop WebSockets that have ended."""
        now = loop.time()
        for each in list(self._all):
            if each.is_closed:
                self.leave(each)
                continue
            each.look(now, self.limits.stalled)
            if each.transport.is_closing():
                if each.is_stalled:  # what is left of its answer will not be read
                    self._end(each)
            elif each.is_overdue(now, self.limits):
                each.time_out()
            else:
                self.settle(each)
        self._looking = bool(self._all)
        if self._looking:
            loop.call_later(_LOOK_EVERY, self._look, loop)

    def _log_limit(self, refused: "HttpConnection | None") -> None:
        """At most one line a minute, however many connections arrive."""
        if refused is None:
            self._closed += 1
        else:
            self._refused += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= _LOG_EVERY:
            _log.warning(
                "too many connections: closing idle ones, refusing new ones if none is idle",
                connections=len(self._all),
                limit=self.limits.most,
                closed=self._closed,
                refused=self._refused,
                most_from=max(self._addresses, key=self._addresses.__getitem__, default=""),
            )
            self._logged_at, self._closed, self._refused = now, 0, 0


class _RefusedError(Exception):
    """The request is refused while it arrives. Raised in callbacks of the parser, which stops there."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class HttpConnection(HttpToolsProtocol):
    """uvicorn's protocol, counted among the server's connections, timed while it waits for the client, and bounded in
    what it keeps of requests.
    """

    among: Connections  # the server's; see ``protocol``

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._since = self._moved_at = self.loop.time()  # when it began to wait for the client; to write
        self._has_asked = self._is_receiving = self._has_head = self._is_upgraded = False
        self._received = 0  # bytes since the request, or the last check of its body, began
        self._framing = 0  # bytes since the request began that are not of its body; since the last of these
        self._head = self._lines = 0  # bytes and headers of the current head
        self._problem = _RefusedError(HTTPStatus.BAD_REQUEST, "the request is not valid HTTP")
        self._unsent = 0  # bytes, at the last look
        self.is_stalled = False
        self._is_in = self.among.admit(self)
        if not self._is_in:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        self.among.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_in or self.transport.is_closing():
            return
        self._received += len(data)
        self._framing += len(data)
        super().data_received(data)
        if self._is_receiving and self._framing > _LARGEST_HEAD:
            self._refuse(_too_large())
        self.among.settle(self)

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._problem)

    def handle_websocket_upgrade(self) -> None:
        self._is_upgraded = True
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._has_asked = self._is_receiving = True
        self._has_head = False
        self._since, self._received, self._framing = self.loop.time(), 0, 0
        self._head = self._lines = 0

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._has_head:
            return  # a trailer, which nothing here uses
        if name.lower() == b"content-encoding" and value.lower() != b"identity":
            message = "the body must not be compressed: send it without Content-Encoding"
            self._stop_parsing(_RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message))
        self._lines += 1
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= _MOST_WAITING:
            self._stop_parsing(_RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests at once"))
        super().on_headers_complete()
        self._has_head = True
        self._since, self._received, self._framing = self.loop.time(), 0, 0

    def on_body(self, body: bytes) -> None:
        self._framing = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_receiving = False

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()
        self.among.settle(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.among.filled(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.among.drained(self)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered, or its client does not read the answer."""
        return not self._is_upgraded and (self.is_stalled or not self._is_answering)

    @property
    def is_closed(self) -> bool:
        """Whether nothing is left of it. A WebSocket has a protocol of its own, which is told of its end."""
        connected: socket.socket | None = self.transport.get_extra_info("socket")
        return connected is None or connected.fileno() < 0  # TLS forgets the socket of a connection that has ended

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def look(self, now: float, patience: float) -> None:
        """Look whether its client reads what is sent to it."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._moved_at = unsent, now
        self.is_stalled = now - self._moved_at >= patience

    def is_overdue(self, now: float, limits: Limits) -> bool:
        """Whether the client keeps the server waiting for too long. uvicorn itself ends idle keep-alive connections."""
        if self._is_upgraded or (self._has_asked and not self._is_receiving):
            return False
        waits = now - self._since
        if not self._has_asked:
            return waits >= limits.first
        if not self._has_head:
            return waits >= limits.head
        if waits < limits.body:
            return False
        is_slow = self._received < limits.least and self.transport.is_reading()
        self._since, self._received = now, 0
        return is_slow

    def time_out(self) -> None:
        """End it: with 408 while a request's head is incomplete, otherwise without an answer."""
        if self._has_asked:
            self._refuse(_RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time"))
        else:
            self.transport.abort()

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head > _LARGEST_HEAD or self._lines > _MOST_HEADERS:
            self._stop_parsing(_too_large())

    def _stop_parsing(self, why: _RefusedError) -> NoReturn:
        """The parser then raises an error, which uvicorn answers with ``send_400_response``."""
        self._problem = why
        raise why

    def _refuse(self, why: _RefusedError) -> None:
        """Answer and close; close at once if another answer is being sent."""
        if self._is_answering:
            self.transport.abort()
        else:
            self._answer(why.status, str(why))

    def _answer(self, status: HTTPStatus, message: str) -> None:
        body = b'{"message":"%s"}' % message.encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nretry-after: 1\r\n"
            b"connection: close\r\n\r\n%s" % (status, status.phrase.encode(), len(body), body)
        )
        self.transport.close()


def _too_large() -> _RefusedError:
    return _RefusedError(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request's head has more than {_LARGEST_HEAD} bytes or {_MOST_HEADERS} headers",
    )


def protocol(connections: Connections) -> type[HttpConnection]:
    """The protocol class for a uvicorn server with these connections."""
    return type("LimitedConnection", (HttpConnection,), {"among": connections})
