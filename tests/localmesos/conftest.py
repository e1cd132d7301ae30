"""Fixtures for the tests of local Mesos."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from localmesos import Cluster, remains
from localmesos.level import Choice, choose, probe

# Starts a cluster with these options of `Cluster.up`.
ClusterFactory = Callable[..., Cluster]


def take_down(cluster: Cluster) -> None:
    """Take a cluster down, and assert that nothing is left of it."""
    if cluster.name in Cluster.list():
        state = cluster.state
        cluster.down()
        left = remains.listing(state)
        assert not left, f"left after down: {left}"


def factory(stack: ExitStack) -> ClusterFactory:
    """Starts clusters that are taken down when the stack closes. Unlike those of `podexec.testing` they are bare."""

    def start(**options: object) -> Cluster:
        cluster = Cluster.up(f"test-{secrets.token_hex(4)}", owner_pid=os.getpid(), **options)
        stack.callback(take_down, cluster)
        return cluster

    return start


@pytest.fixture
def new_cluster() -> Iterator[ClusterFactory]:
    """Starts clusters for one test."""
    with ExitStack() as stack:
        yield factory(stack)


@pytest.fixture(scope="module")
def new_module_cluster() -> Iterator[ClusterFactory]:
    """Starts clusters that the tests of a module share."""
    with ExitStack() as stack:
        yield factory(stack)


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
