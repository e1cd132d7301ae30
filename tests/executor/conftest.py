"""Runs a real executor process against the fake agent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podexec import zipapp
from tests.fakes.agent import FakeAgent
from tests.fakes.containers import DEADLINE, PREFIX

# The interpreter itself, not a virtual environment: the executor brings all it needs.
PYTHON = os.path.realpath(sys.executable)


class Executor:
    """The executor as an agent starts it: a process of its own with nothing but the agent's environment."""

    def __init__(self, agent: FakeAgent, sandbox: Path, program: tuple[str, ...], environment: dict[str, str]) -> None:
        self.sandbox = sandbox
        self._log = sandbox / "stderr"
        base = {
            "PATH": os.environ["PATH"],
            "MESOS_FRAMEWORK_ID": "framework",
            "MESOS_EXECUTOR_ID": "pod",
            "MESOS_SLAVE_PID": f"{PREFIX[1:]}@127.0.0.1:{agent.port}",
            "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{agent.port}",
            "MESOS_SANDBOX": str(sandbox),
            "MESOS_DIRECTORY": str(sandbox),
            "MESOS_CHECKPOINT": "1",
            "MESOS_RECOVERY_TIMEOUT": "15mins",
            "MESOS_SUBSCRIPTION_BACKOFF_MAX": "200ms",
            "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                program, cwd=sandbox, env={**base, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_exit(self, timeout: float = DEADLINE) -> int:
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the executor is still there after {timeout} s. Its log:\n{self.log}") from None

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


StartExecutor = Callable[..., Executor]


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    agent = FakeAgent()
    yield agent
    agent.stop()


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor as one file, as it is shipped."""
    return zipapp.build(tmp_path_factory.mktemp("zipapp") / "podexec.pyz")


@pytest.fixture
def start(agent: FakeAgent, archive: Path, tmp_path: Path) -> Iterator[StartExecutor]:
    """Starts executors; keyword arguments are environment variables. A failing test shows their logs."""
    started: list[Executor] = []

    def start(*arguments: str, **environment: str) -> Executor:
        sandbox = tmp_path / f"sandbox-{len(started)}"
        sandbox.mkdir()
        started.append(Executor(agent, sandbox, (PYTHON, "-I", "-S", str(archive), *arguments), environment))
        return started[-1]

    yield start
    for executor in started:
        executor.end()
        sys.stderr.write(f"--- log of the executor ---\n{executor.log}")


@pytest.fixture
def executor(agent: FakeAgent, start: StartExecutor) -> Executor:
    """An executor that is subscribed."""
    started = start()
    agent.wait_subscribed()
    return started
