"""Fixtures that run the command in this process, against a real API on a loopback port."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import pytest
import structlog
import uvicorn
from starlette.types import ASGIApp

from scheduler.api import plans
from scheduler.api.inside.guard import Guard
from scheduler.cli.main import main
from tests.api.app import app_over
from tests.api.inside import definition
from tests.fakes.inside import FakeInside, run_of
from tests.fakes.loop import FakeLoop


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs ``podexec`` with these arguments. The log that a command sets up ends with the test, as its stream does."""

    def run_words(*words: str) -> Outcome:
        capsys.readouterr()  # what fixtures have logged
        with pytest.raises(SystemExit) as end:
            main(words)
        printed = capsys.readouterr()
        return Outcome(int(end.value.code or 0), printed.out, printed.err)

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield run_words
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session", autouse=True)
def _no_contexts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands see none of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture
def loop() -> FakeLoop:
    """The fake event loop behind the API."""
    return FakeLoop()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
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


@dataclass
class Stage:
    """A running pod of two containers, `one` and `two`."""

    inside: FakeInside
    url: str
    tasks: list[str]
    short: str


@pytest.fixture
def stage(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The scene, with PODEXEC_URL set."""
    inside = FakeInside()
    guard = Guard()
    with structlog.testing.capture_logs(), serving(app_over(loop, inside=inside, guard=guard)) as url:
        monkeypatch.setenv("PODEXEC_URL", url)
        assert httpx2.post(f"{url}/v2/pods", json=definition("one", "two"), trust_env=False).status_code == 201
        loop.run_all()
        tasks = sorted(loop.world.tasks)
        inside.runs |= {task: run_of(task) for task in tasks}
        yield Stage(inside, url, tasks, tasks[0].rpartition("instance-")[2][:8])
        guard.stop()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans do not wait for offers, which the fake loop does not make by itself."""
    monkeypatch.setattr(plans, "PATIENCE", 0.04)
