"""Serves the executor to the agents of an existing cluster, from this process."""

from __future__ import annotations

import http.server
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from podexec.testing.errors import HarnessError
from scheduler.mesos.address import parse_masters

_POLL_SECONDS = 0.05  # of the server's thread, for its end


@contextmanager
def served(file: Path, master: str) -> Iterator[str]:
    """Serve a file during the context; yields its URL, at the address from which this machine reaches the master."""
    name, content = f"/podexec-{secrets.token_hex(8)}.pyz", file.read_bytes()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content if self.path == name else b""
            self.send_response(HTTPStatus.OK if body else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    host = own_address(master)
    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}{name}"
        finally:
            server.shutdown()
            thread.join()


def own_address(master: str) -> str:
    """The IPv4 address of this machine on its way to the first of the masters, or of the ZooKeeper servers."""
    parts = urlsplit(master) if "://" in master else urlsplit(f"//{master}")
    try:
        address = parse_masters(parts.netloc.rpartition("@")[2])[0]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address.host, address.port))  # sends nothing
            return str(probe.getsockname()[0])
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"cannot find this machine's address for agents from the master {master!r}: {error}"
        ) from error
