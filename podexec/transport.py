"""Connections to the agent, one per call: TCP, TLS or its domain socket.

Owns the sockets; it knows nothing of Mesos. A connection has no read timeout of its own: each call sets one.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from podexec.http_client import HttpError, Reader, post
from podexec.record import record
from podexec.recordio import RecordDecoder

if TYPE_CHECKING:
    import ssl

    from podexec.settings import Settings, Tls

Json = dict[str, Any]

TRANSPORT_ERRORS: Final = (OSError, HttpError)

_CONNECT_TIMEOUT: Final = 5.0


@record
class Answer:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace").strip() or f"HTTP {self.status} with an empty body"

    def json(self) -> Json:
        """The object in the body; empty if it is another value. Raises ValueError if it is not JSON."""
        try:
            value = json.loads(self.body)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
        return value if isinstance(value, dict) else {}


class Interruptible:
    """A connection that one thread reads and that others may interrupt."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def interrupt(self) -> None:
        """End the read that is in progress, or the next one."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class Stream(Interruptible):
    """A streamed answer. One thread reads and closes it; others may :meth:`interrupt` the reading.

    ``deadline`` (monotonic) limits the wait for the beginning of the answer.
    """

    def __init__(self, sock: socket.socket, deadline: float | None) -> None:
        super().__init__(sock)
        self._reader = Reader(sock, deadline)
        self._head = self._reader.head()
        self._reader.deadline = None
        self.status = self._head.status

    def answer(self) -> Answer:
        """Read all of it, for an answer that turns out not to be a stream."""
        return Answer(self.status, self._reader.whole_body(self._head))

    def pieces(self, deadline: float | None = None) -> Iterator[bytes]:
        """Yield the body as it arrives. Raises TimeoutError when ``deadline`` (monotonic) passes."""
        self._reader.deadline = deadline
        return self._reader.body(self._head)

    def records(self) -> Iterator[bytes]:
        decoder = RecordDecoder()
        for piece in self.pieces():
            yield from decoder.feed(piece)

    def close(self) -> None:
        self._socket.close()


class Transport:
    """Opens connections to one agent. Safe to use from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.token:
            self._headers["Authorization"] = f"Bearer {settings.token}"

    @functools.cached_property
    def own_address(self) -> str:
        """This machine's address on the route to the agent, even if a domain socket is used."""
        family = socket.AF_INET6 if ":" in self._settings.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((self._settings.host, self._settings.port))  # sends nothing
            except OSError:
                return "127.0.0.1"  # with a domain socket there need not be a network
            address: str = probe.getsockname()[0]
            return address

    def call(self, path: str, call: Mapping[str, Any], timeout: float | None) -> Answer:
        """Send a call and return its answer. Raises OSError or HttpError if none arrives within ``timeout`` seconds."""
        with contextlib.closing(self._connect()) as sock:
            reader = Reader(sock, self._send(sock, path, call, {}, timeout))
            head = reader.head()
            return Answer(head.status, reader.whole_body(head))

    def stream(self, path: str, call: Mapping[str, Any], headers: Mapping[str, str], timeout: float | None) -> Stream:
        """Send a call with a streamed answer; the caller closes the stream.

        ``timeout`` limits the wait for the beginning of the answer; the stream itself may be silent forever.
        """
        sock = self._connect()
        try:
            return Stream(sock, self._send(sock, path, call, headers, timeout))
        except BaseException:
            sock.close()
            raise

    def _send(
        self, sock: socket.socket, path: str, call: Mapping[str, Any], headers: Mapping[str, str], timeout: float | None
    ) -> float | None:
        """Send a request. Returns by when it must be answered (monotonic)."""
        deadline = None if timeout is None else time.monotonic() + timeout
        body = json.dumps(call).encode()
        sock.settimeout(timeout)
        sock.sendall(post(self._settings.path_prefix + path, self._host, {**self._headers, **headers}, body))
        return deadline

    @functools.cached_property
    def _host(self) -> str:
        """The header ``Host``."""
        host = self._settings.host
        return f"{f'[{host}]' if ':' in host else host}:{self._settings.port}"

    def _connect(self) -> socket.socket:
        try:
            return self._socket()
        except TimeoutError as error:
            # It must not look like an answer that does not arrive.
            raise ConnectionError(f"no connection to the agent within {_CONNECT_TIMEOUT:g} s") from error

    def _socket(self) -> socket.socket:
        path = self._settings.domain_socket
        with contextlib.ExitStack() as on_error:
            if path is not None:
                sock = on_error.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                sock.settimeout(_CONNECT_TIMEOUT)
                sock.connect(path)
            else:
                host = self._settings.host
                # Text would be encoded with the codec idna, whose tables take 2 ms to import.
                name: Any = host.encode() if host.isascii() else host
                sock = socket.create_connection((name, self._settings.port), _CONNECT_TIMEOUT)
                on_error.enter_context(sock)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                keep_alive(sock)
                if self._settings.tls is not None:
                    sock = self._context.wrap_socket(sock, server_hostname=self._settings.host)
            on_error.pop_all()
            return sock

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        assert self._settings.tls is not None
        return _tls_context(self._settings.tls)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """As in libprocess, certificate and host name are verified only if the settings say so."""
    import ssl  # noqa: PLC0415 - 3 MB, needed only for agents with TLS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.verify and tls.check_host
    context.verify_mode = ssl.CERT_REQUIRED if tls.verify else ssl.CERT_NONE
    if tls.verify and (tls.ca_file or tls.ca_dir):
        context.load_verify_locations(tls.ca_file, tls.ca_dir)
    elif tls.verify:
        context.load_default_certs()
    if tls.cert_file and tls.key_file:
        context.load_cert_chain(tls.cert_file, tls.key_file)
    return context


def keep_alive(sock: socket.socket) -> None:
    """Have the kernel notice within about a minute that the peer has vanished."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
