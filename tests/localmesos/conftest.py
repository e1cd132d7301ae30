"""Fixtures for the tests of local Mesos."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from localmesos.level import Choice, choose, probe
from localmesos.testing import mesos_cluster, module_mesos_cluster

__all__ = ["WebServer", "mesos_cluster", "module_mesos_cluster", "web"]


@pytest.fixture(scope="module")
def here() -> Choice:
    """The level that this machine can run."""
    return choose(probe())


@dataclass
class WebServer:
    """A server on loopback: its files, and the requests it received."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requested: list[str] = field(default_factory=list)


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server with files of the test."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requested.append(self.path)
            body = served.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Log nothing: the requests are in `requested`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = WebServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
