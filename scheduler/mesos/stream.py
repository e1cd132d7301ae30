"""One subscription's connection: sends the request, checks the answer, gives out records until it ends.

It owns a socket and nothing else. Every wait can be interrupted, and is bounded: a master that is silent for too long
is given up. How a stream ends is told by the exception.
"""

import contextlib
import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from types import TracebackType

from http_parser.http import HttpParser

from scheduler.mesos.address import Address, parse_location
from scheduler.mesos.recordio import FramingError, RecordReader

_CHUNK = 256 * 1024
_MAX_ERROR_BODY = 4096
_ERROR_BODY_WAIT = 2.0
_HTTP_RESPONSE = 1


class StreamEndedError(Exception):
    """The stream ended or never began; worth trying again. Says why."""


class InterruptedStreamError(Exception):
    """This side wants the stream to end."""


class RedirectedError(Exception):
    """The master named another one."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"redirected to {address}")
        self.address = address


class RefusedError(Exception):
    """The master answered with an error."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"HTTP {status}: {body}" if body else f"HTTP {status}")
        self.status = status


class Wakeup:
    """Ends a stream's wait from another thread: the reading end of a pipe, and what to ask once a byte came through
    it.
    """

    def __init__(self, fileno: int, interrupted: Callable[[], bool]) -> None:
        self.fileno = fileno
        self._interrupted = interrupted

    def check(self) -> None:
        """Empty the pipe; raises InterruptedStreamError if the wait is to end."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fileno, 4096):
                pass
        if self._interrupted():
            raise InterruptedStreamError

    def sleep(self, seconds: float | None) -> None:
        """Wait for so long, or until interrupted. Raises InterruptedStreamError."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while (rest := None if deadline is None else deadline - time.monotonic()) is None or rest > 0:
                selector.select(rest)
                self.check()


class Stream:
    """A subscription to be. ``silence`` is how long the other side may say nothing; it may be changed on the way."""

    def __init__(self, address: Address, wakeup: Wakeup, connect_timeout: float, silence: float) -> None:
        self.silence = silence
        self._address = address
        self._wakeup = wakeup
        self._connect_timeout = connect_timeout
        self._socket: socket.socket | None = None
        self._parser = HttpParser(_HTTP_RESPONSE)

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._socket is not None:
            self._socket.close()

    def open(self, request: bytes) -> str:
        """Connect, send the request, and give the stream id once the master has granted it.

        Raises StreamEndedError, InterruptedStreamError, RedirectedError or RefusedError.
        """
        self._socket = connection = self._connect()
        unsent = memoryview(request)
        while unsent:
            self._wait(connection, selectors.EVENT_WRITE, self.silence)
            with contextlib.suppress(BlockingIOError), _ending("send"):
                unsent = unsent[connection.send(unsent) :]
        while not self._parser.is_headers_complete():
            self._receive(connection, self.silence)
        headers = {name.upper(): value for name, value in self._parser.get_headers().items()}
        status = self._parser.get_status_code()
        if status != HTTPStatus.OK:
            raise self._refusal(connection, status, headers.get("LOCATION"))
        stream_id = headers.get("MESOS-STREAM-ID")
        if not stream_id:
            raise StreamEndedError(f"{self._address} answered without a Mesos-Stream-Id: is it a Mesos master?")
        return str(stream_id)

    def records(self) -> Iterator[bytes]:
        """Give each record as it comes; ends only by raising StreamEndedError or InterruptedStreamError."""
        assert self._socket is not None
        reader = RecordReader()
        while True:
            try:
                yield from reader.feed(self._parser.recv_body())
            except FramingError as error:
                raise StreamEndedError(str(error)) from error
            if self._parser.is_message_complete():
                raise StreamEndedError("the master ended the stream")
            self._receive(self._socket, self.silence)

    # ------------------------------------------------------------------------ helpers

    def _connect(self) -> socket.socket:
        """To the first address that answers of those the host's name has."""
        host, port = self._address.host, self._address.port
        with _ending(f"find {host}"):
            candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failure = StreamEndedError(f"{host} has no address")
        for family, kind, protocol, _, sockaddr in candidates:
            connection = socket.socket(family, kind, protocol)
            try:
                self._connect_to(connection, sockaddr)
            except StreamEndedError as error:
                connection.close()
                failure = error
            except InterruptedStreamError:
                connection.close()
                raise
            else:
                return connection
        raise failure

    def _connect_to(self, connection: socket.socket, sockaddr: tuple[str | int, ...] | tuple[int, bytes]) -> None:
        connection.setblocking(False)
        with _ending("connect"):
            with contextlib.suppress(BlockingIOError):
                connection.connect(sockaddr)
            self._wait(connection, selectors.EVENT_WRITE, self._connect_timeout)
            error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))

    def _wait(self, connection: socket.socket, events: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(connection, events)
            selector.register(self._wakeup.fileno, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(max(0.0, deadline - time.monotonic()))}
                if self._wakeup.fileno in ready:
                    self._wakeup.check()
                if connection.fileno() in ready:
                    return
                if time.monotonic() >= deadline:
                    raise StreamEndedError(f"nothing heard for {seconds:g} seconds")

    def _receive(self, connection: socket.socket, seconds: float) -> None:
        """Feed the parser with what comes next."""
        self._wait(connection, selectors.EVENT_READ, seconds)
        try:
            with _ending("receive"):
                data = connection.recv(_CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise StreamEndedError("the master closed the connection")
        if self._parser.execute(data, len(data)) != len(data):
            raise StreamEndedError(f"{self._address} does not speak HTTP: {data[:40]!r}")

    def _refusal(self, connection: socket.socket, status: int, location: str | None) -> Exception:
        if status == HTTPStatus.TEMPORARY_REDIRECT and location:
            try:
                return RedirectedError(parse_location(location))
            except ValueError as error:
                return StreamEndedError(str(error))
        body: bytes = self._parser.recv_body()
        with contextlib.suppress(StreamEndedError):
            while not self._parser.is_message_complete() and len(body) < _MAX_ERROR_BODY:
                self._receive(connection, _ERROR_BODY_WAIT)
                body += self._parser.recv_body()
        return RefusedError(status, body[:_MAX_ERROR_BODY].decode(errors="replace").strip())


@contextlib.contextmanager
def _ending(doing: str) -> Iterator[None]:
    """The system's errors as the stream's end; a socket that is not ready is no error."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        raise StreamEndedError(f"cannot {doing}: {error.strerror or error}") from error
