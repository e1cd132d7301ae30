"""A TCP connection, optionally with TLS, on which every wait has a timeout and can be interrupted.

It owns only a socket. Its end is reported by an exception.
"""

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from scheduler.mesos.address import Address
from scheduler.mesos.tls import Tls

READ, WRITE = select.POLLIN, select.POLLOUT
_CHUNK = 256 * 1024


class ConnectionEndedError(Exception):
    """The connection failed or ended; says why. Trying again makes sense."""


class InterruptedWaitError(Exception):
    """This side ended the wait."""


class Wakeup:
    """Ends a wait from another thread: the read end of a pipe, and a function that says whether to end the wait."""

    def __init__(self, fileno: int, interrupted: Callable[[], bool]) -> None:
        self.fileno = fileno
        self._interrupted = interrupted

    def check(self) -> None:
        """Empty the pipe; raises InterruptedWaitError if the wait is to end."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fileno, 4096):
                pass
        if self._interrupted():
            raise InterruptedWaitError

    def sleep(self, seconds: float | None) -> None:
        """Wait this long, or until interrupted. Raises InterruptedWaitError."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while (rest := None if deadline is None else deadline - time.monotonic()) is None or rest > 0:
            self.once(rest)

    def once(self, seconds: float | None = None) -> None:
        """Wait for a byte, at most this long. Raises InterruptedWaitError."""
        poll = select.poll()
        poll.register(self.fileno, READ)
        poll.poll(_milliseconds(seconds))
        self.check()


class Connection:
    """A non-blocking socket. It is closed at the end of the context."""

    def __init__(self, unconnected: socket.socket, wakeup: Wakeup) -> None:
        self._socket = unconnected
        self._socket.setblocking(False)
        self._wakeup = wakeup
        self._buffer = memoryview(bytearray(_CHUNK))
        self._waits_for = READ
        self._poll = select.poll()
        self._poll.register(wakeup.fileno, READ)
        self._poll.register(unconnected, READ)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return isinstance(self._socket, ssl.SSLSocket)

    def connect(self, sockaddr: tuple[str | int, ...] | tuple[int, bytes], seconds: float) -> None:
        """Connect within this many seconds. Raises ConnectionEndedError or InterruptedWaitError."""
        with _ending("connect"):
            with contextlib.suppress(BlockingIOError):
                self._socket.connect(sockaddr)
            self.wait(WRITE, seconds)
            error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, os.strerror(error))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext, host: str, seconds: float) -> None:
        """Start TLS; the context decides whether the other side must prove to be this host.

        ``seconds``: timeout for each of its messages. Raises ConnectionEndedError or InterruptedWaitError.
        """
        with _ending("speak TLS"):
            self._socket = secured = context.wrap_socket(
                self._socket, server_hostname=host, do_handshake_on_connect=False
            )
            while True:
                try:
                    secured.do_handshake()
                except ssl.SSLWantReadError:
                    self.wait(READ, seconds)
                except ssl.SSLWantWriteError:
                    self.wait(WRITE, seconds)
                else:
                    return

    def poll(self, events: int, seconds: float) -> int:
        """The events that are possible now; 0 after this many seconds, or when woken. Raises InterruptedWaitError.

        After an error all events are possible: the attempt reports the error.
        """
        if events != self._waits_for:
            self._poll.register(self._socket, events)
            self._waits_for = events
        ready = dict(self._poll.poll(_milliseconds(seconds)))
        if self._wakeup.fileno in ready:
            self._wakeup.check()
        possible = ready.get(self._socket.fileno(), 0)
        return possible & events or (events if possible else 0)

    def wait(self, events: int, seconds: float) -> None:
        """Return when one of the events is possible. Raises ConnectionEndedError after this many seconds of silence,
        and InterruptedWaitError.
        """
        deadline = time.monotonic() + seconds
        while not self.poll(events, deadline - time.monotonic()):
            if time.monotonic() >= deadline:
                raise ConnectionEndedError(f"nothing received for {seconds:g} seconds")

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """Send some of the data; returns how many bytes. 0: none can be sent now."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            raise _ended("send", error) from error

    def receive(self) -> memoryview | None:
        """The data received, valid until the next call; None: nothing yet. Raises ConnectionEndedError at the end."""
        try:
            count = self._socket.recv_into(self._buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except OSError as error:
            raise _ended("receive", error) from error
        if not count:
            raise ConnectionEndedError("the master closed the connection")
        return self._buffer[:count]


@contextlib.contextmanager
def connection(address: Address, tls: Tls | None, wakeup: Wakeup, seconds: float) -> Iterator[Connection]:
    """A connection to the first of the host's addresses that answers; ``seconds``: timeout for each.

    Raises ConnectionEndedError or InterruptedWaitError.
    """
    with _ending(f"find {address.host}"):
        candidates = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    failure = ConnectionEndedError(f"{address.host} has no address")
    for family, kind, protocol, _, sockaddr in candidates:
        with _ending("open a socket"):  # there may be too many open files
            unconnected = socket.socket(family, kind, protocol)
        with Connection(unconnected, wakeup) as made:
            try:
                made.connect(sockaddr, seconds)
                if tls is not None:
                    made.secure(tls.context(), address.host, seconds)
            except ConnectionEndedError as error:
                failure = error
                continue
            yield made
            return
    raise failure


@contextlib.contextmanager
def _ending(doing: str) -> Iterator[None]:
    """Turn errors of the system into ConnectionEndedError."""
    try:
        yield
    except OSError as error:
        raise _ended(doing, error) from error
    except UnicodeError as error:  # an impossible host name
        raise ConnectionEndedError(f"cannot {doing}: {error}") from error


def _ended(doing: str, error: OSError) -> ConnectionEndedError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectionEndedError(f"cannot {doing}: the certificate is not valid: {error.verify_message}")
    return ConnectionEndedError(f"cannot {doing}: {error.strerror or error}")


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, 1000 * seconds)
