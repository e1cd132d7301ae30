"""Fixtures that run the command in this process, against a real API on a loopback port."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.applications import Starlette

from scheduler.cli.main import main
from tests.api.app import app_over
from tests.fakes.loop import FakeLoop


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``podexec`` with these arguments."""

    def run_words(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as end:
            main(words)
        printed = capsys.readouterr()
        return Outcome(int(end.value.code or 0), printed.out, printed.err)

    return run_words


@pytest.fixture
def loop() -> FakeLoop:
    """The fake event loop behind the API."""
    return FakeLoop()


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve the API; yields its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="websockets-sansio"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listening.close()
    assert not thread.is_alive(), "the API did not end within 10 s"


@pytest.fixture
def url(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a running API; PODEXEC_URL is set to it as well."""
    with serving(app_over(loop)) as address:
        monkeypatch.setenv("PODEXEC_URL", address)
        yield address
        loop.bus.close()
