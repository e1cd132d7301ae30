"""The benchmark `launch`: its baseline on a fake agent, and what it reports. Real launches are in `tests/cluster`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.launch_latency import Launch, summarise
from bench.naive_executor import write_program
from bench.report import Report
from tests.fakes import agent_api
from tests.fakes.agent import FakeAgent, task

RUNNING, KILLED = "TASK_RUNNING", "TASK_KILLED"


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAgent]:
    # pymesos' driver omits the prefix of the agent's routes. A real agent has them without it, too.
    monkeypatch.setattr(agent_api, "PREFIX", "")
    running = FakeAgent()
    yield running
    running.stop()


@pytest.fixture
def naive(agent: FakeAgent, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The naive executor, started as an agent starts it."""
    program = write_program(tmp_path / "naive.py")
    environment = {
        "PATH": os.environ["PATH"],
        "MESOS_FRAMEWORK_ID": "framework",
        "MESOS_EXECUTOR_ID": "pod",
        "MESOS_AGENT_ENDPOINT": f"127.0.0.1:{agent.port}",
        "MESOS_CHECKPOINT": "1",
    }
    python = os.path.realpath(sys.executable)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([python, "-I", "-S", program], cwd=tmp_path, env=environment, stderr=log) as process,
    ):
        yield process
        process.kill()
    print((tmp_path / "log").read_text())


def test_the_naive_executor_launches_containers_and_ends_with_them(
    agent: FakeAgent, naive: subprocess.Popen[bytes]
) -> None:
    agent.wait_subscribed()
    group = [task(name, container={"type": "MESOS"}) for name in ("web", "side")]
    agent.launch_group(*group)
    for each in group:
        agent.wait_state(each["name"], RUNNING)
        call = agent.container(each["name"]).call
        assert {name: call[name] for name in ("command", "container", "resources")} == {
            name: each[name] for name in ("command", "container", "resources")
        }
    agent.kill("web")
    agent.wait_state("web", RUNNING, KILLED)
    agent.kill("side")
    agent.wait_state("side", RUNNING, KILLED)
    assert naive.wait(30) == 0


def test_the_naive_executor_reports_a_launch_that_failed(agent: FakeAgent, naive: subprocess.Popen[bytes]) -> None:
    agent.broken["web"] = "no such image"
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", "TASK_FAILED")


def test_launches_are_compared_with_those_beside_them() -> None:
    def launches(*agents: float) -> list[Launch]:
        return [Launch(0.01, 0.01, 0.01, agent, 0.05, 0.05, 0.01) for agent in agents]

    said: list[str] = []
    summarise([launches(0.02, 0.03, 0.02), launches(0.1, 0.05, 0.02)], launches(0.1), Report(said.append))
    assert said == [
        "PASS  ACCEPT to 2 containers running: 120 ms, spread 120 to 130, wanted <= 150 ms",
        "PASS  ACCEPT to 2 containers running: 120 ms, spread 120 to 130, baseline naive executor: 150 ms, "
        "ratio 0.867, wanted <= 1 times",
        "PASS  POST to 2 containers running, Mesos' default flags of masters: 160 ms, spread 160 to 170, "
        "wanted <= 500 ms",
        "PASS  POST to 2 containers running, as make run: 240 ms, wanted <= 300 ms",
    ]


def test_without_a_baseline_there_is_no_ratio() -> None:
    said: list[str] = []
    launches = [Launch(0.01, 0.01, 0.01, 0.1, 0.1, 0.1, 0.01)]
    summarise([launches], launches, Report(said.append))
    assert said[0] == "MISS  ACCEPT to 2 containers running: 300 ms, wanted <= 150 ms"
    assert len(said) == 3
