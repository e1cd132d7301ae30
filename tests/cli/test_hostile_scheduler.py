"""Commands whose scheduler sends anything: they end with an error, and keep little of it."""

import gzip

import pytest

from scheduler.cli import client as module
from scheduler.cli.client import Client, ClientError
from tests.fakes.hostile import hostile

OK = b"HTTP/1.1 200 OK\r\n"
FEW = 8 * 1024 * 1024  # bytes, with what the buffers of two sockets hold


@pytest.mark.parametrize(
    ("answer", "endless", "error"),
    [
        (
            OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b" " * 100_000_000, mtime=0),
            b"",
            "Content-Encoding 'gzip'",
        ),
        (b"HTTP/1.1 500 x\r\nContent-Encoding: deflate\r\n\r\n", b"x", "Content-Encoding 'deflate'"),
        (OK + b"x: ", b"y", "no scheduler answers"),
        (OK, b"x: y\r\n", "no scheduler answers"),
        (OK + b"\r\n", b"x", "more than 1 MiB"),
        (OK + b"\r\n" + b"[" * 100_000, b"", "does not answer like a podexec scheduler"),
    ],
)
def test_it_is_left(answer: bytes, endless: bytes, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LARGEST_ANSWER", 1024 * 1024)
    with hostile(answer, endless) as scheduler:
        with Client(f"http://{scheduler.address}") as client, pytest.raises(ClientError, match=error):
            client.info()
        assert max(scheduler.sent.wait_for_count(1, "a connection that ended")) < FEW
