"""A running scheduler that may open few files, attacked by clients without credentials.

It keeps answering others, needs little more memory, and does not fill its log.
"""

import contextlib
import gzip
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

FILES = 256
PATIENCE = 60.0  # seconds
MORE_MEMORY = 48 * 1024  # KiB
MORE_LOG = 16 * 1024  # bytes
MEGABYTE = 1024 * 1024
CHUNKED = (
    b"POST /v2/pods HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
)
UPGRADE = (
    b"GET /v2/pods/x::exec HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Victim:
    """A scheduler in a process of its own, without a Mesos."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "log"
        self.port = free_port()
        limited = ("prlimit", f"--nofile={FILES}")
        command = (*limited, sys.executable, "-P", "-m", "scheduler.cli.main", "scheduler", "--master", "127.0.0.1:1")
        options = ("--listen", f"127.0.0.1:{self.port}", "--store", f"sqlite:///{folder}/store")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            )

    @contextlib.contextmanager
    def connection(self, address: str = "127.0.0.1") -> Iterator[socket.socket]:
        """A connection from an address."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE, (address, 0)) as made:
            yield made

    def ping(self, address: str) -> int:
        """The status of an answer to a client at this address."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, PATIENCE, source_address=(address, 0))
        with contextlib.closing(client):
            client.request("GET", "/ping")
            return client.getresponse().status

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.ping("127.0.0.1")
                return
            time.sleep(0.05)
        pytest.fail(f"the scheduler does not answer: {self.log.read_text()[-2000:]}")

    @property
    def memory(self) -> int:
        """The most memory it has needed, in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Victim]:
    made = Victim(tmp_path)
    try:
        made.wait()
        yield made
    finally:
        made.process.terminate()
        assert made.process.wait(PATIENCE) == 0


def send(to: socket.socket, data: bytes, size: int = 0) -> bytes:
    """Send the data, again and again up to this size, as long as it is taken; then what was answered."""
    to.settimeout(5.0)
    piece = data * max(1, MEGABYTE // len(data)) if size else data
    with contextlib.suppress(OSError):
        for _ in range(max(1, size // len(piece))):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        return to.recv(4096)
    return b""


def large_head(victim: Victim) -> None:
    with victim.connection() as made:
        assert b" 431 " in send(made, b"GET / HTTP/1.1\r\nx: ") + send(made, b"a", 100 * MEGABYTE)


def large_url(victim: Victim) -> None:
    with victim.connection() as made:
        assert b" 431 " in send(made, b"GET /") + send(made, b"a", 80 * MEGABYTE)


def many_headers(victim: Victim) -> None:
    for _ in range(40):
        with victim.connection() as made:
            assert b" 431 " in send(made, b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 10_000 + b"\r\n")


def endless_trailers(victim: Victim) -> None:
    with victim.connection() as made:
        made.sendall(CHUNKED + b"0\r\n")
        send(made, b"a: b\r\n", 60 * MEGABYTE)


def endless_extension(victim: Victim) -> None:
    with victim.connection() as made:
        made.sendall(CHUNKED + b"1")
        send(made, b";a=b", 60 * MEGABYTE)


def unread_answers(victim: Victim) -> None:
    with victim.connection() as made:
        made.settimeout(2.0)
        send(made, b"GET /v2/info HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", 20 * MEGABYTE)


def deep_bodies(victim: Victim) -> None:
    for body in (b"[" * MEGABYTE, b'{"a":' * 200_000, b'{"id":"/x","containers":' + b"[" * 500_000):
        with victim.connection() as made:
            head = b"POST /v2/pods HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
            assert b" 400 " in send(made, head + b"content-length: %d\r\n\r\n%b" % (len(body), body))


def compressed_body(victim: Victim) -> None:
    body = gzip.compress(b" " * 100 * MEGABYTE)
    with victim.connection() as made:
        head = (
            b"POST /v2/pods HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
        )
        assert b" 415 " in send(made, head + b"content-length: %d\r\n\r\n%b" % (len(body), body))


ATTACKS = [
    large_head,
    large_url,
    many_headers,
    endless_trailers,
    endless_extension,
    unread_answers,
    deep_bodies,
    compressed_body,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__)
def test_a_request_without_end_is_ended_and_needs_no_memory(victim: Victim, attack: Callable[[Victim], None]) -> None:
    before, logged = victim.memory, victim.log.stat().st_size
    attack(victim)
    assert (victim.ping("127.0.0.1"), victim.ping("127.0.0.2")) == (200, 200)
    assert victim.memory - before < MORE_MEMORY, "KiB"
    assert victim.log.stat().st_size - logged < MORE_LOG, victim.log.read_text()[-2000:]


@pytest.mark.parametrize(
    "sent",
    [b"", b"G", CHUNKED + b"1\r\n{\r\n", b"GET /v2/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", UPGRADE],
    ids=["silence", "half a head", "half a body", "event streams", "WebSockets"],
)
def test_more_connections_than_files_do_not_keep_others_out(victim: Victim, sent: bytes) -> None:
    before, logged = victim.memory, victim.log.stat().st_size
    with contextlib.ExitStack() as stack:
        for _ in range(FILES + 50):
            made = stack.enter_context(victim.connection())
            with contextlib.suppress(OSError):  # it was refused
                made.sendall(sent)
        assert victim.ping("127.0.0.2") == 200
    assert victim.memory - before < MORE_MEMORY, "KiB"
    assert victim.log.stat().st_size - logged < MORE_LOG, victim.log.read_text()[-2000:]
