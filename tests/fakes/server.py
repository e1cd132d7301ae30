"""HTTP on the loopback address for fakes, each connection on a thread of its own; and RecordIO."""

import json
import socket
import ssl
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """A server whose callers may hang up at any time.

    ``address`` is an IPv4 or IPv6 host and port, or the path of a domain socket.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        family: socket.AddressFamily = socket.AF_INET,
        address: Any = ("127.0.0.1", 0),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.address_family = family
        super().__init__(address, handler)
        if tls is not None:  # the handshake is left to the thread of each connection
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer wants a name for every address

    def handle_error(self, request: object, client_address: object) -> None:
        """Broken connections are what these tests are about; everything else is a mistake in a fake."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers requests, quietly."""

    protocol_version = "HTTP/1.1"

    def body(self) -> Any:
        """The JSON that came with the request."""
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, status: int, body: str | Mapping[str, Any] = "", **headers: str) -> None:
        """A whole answer; a mapping is sent as JSON. Underscores in the names of headers stand for hyphens."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def begin_stream(self, **headers: str) -> None:
        """The head of an answer that is sent chunk by chunk."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """The test says what it saw."""


def record(data: bytes) -> bytes:
    """RecordIO: a length, a line's end, and this many bytes."""
    return b"%d\n%b" % (len(data), data)


def chunk(data: bytes) -> bytes:
    """One chunk of a body in pieces."""
    return b"%x\r\n%b\r\n" % (len(data), data)
