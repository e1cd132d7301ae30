"""The executor in place of mesos-default-executor: an agent starts it for any framework."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from podexec import zipapp
from tests.executor.conftest import PYTHON, Executor
from tests.fakes.agent import FakeAgent, task
from tests.fakes.containers import SIGTERM

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"
NOT_OURS = base64.b64encode(b"\x08\x01 whatever").decode()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as an operator installs it among Mesos' own programs."""
    return zipapp.build(tmp_path_factory.mktemp("launcher") / "mesos-default-executor", PYTHON)


@pytest.fixture
def executor(agent: FakeAgent, program: Path, tmp_path: Path) -> Iterator[Executor]:
    """A subscribed executor, started with nothing but what Mesos' own executor needs."""
    agent.executor = {"type": "DEFAULT", "data": NOT_OURS}
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    left_out = dict.fromkeys(("PATH", "MESOS_AGENT_ENDPOINT", "MESOS_DIRECTORY"), "")
    started = Executor(agent, sandbox, (str(program), f"--launcher_dir={program.parent}"), left_out)
    try:
        agent.wait_subscribed()
        yield started
    finally:
        started.end()


def test_it_runs_a_group(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    agent.kill("db")
    agent.wait_state("db", S, R, K, KILLED)
    assert executor.wait_exit() == 0


def test_data_is_the_frameworks_own_business(agent: FakeAgent, executor: Executor) -> None:
    """Mesos' own executor reads neither ExecutorInfo.data nor TaskInfo.data."""
    agent.launch_group(task("web", data=NOT_OURS))
    agent.wait_state("web", S, R)
    assert "data" not in agent.container("web").call


def test_secrets_that_are_in_the_task_reach_the_agent(agent: FakeAgent, executor: Executor) -> None:
    secret = {"type": "VALUE", "value": {"data": base64.b64encode(b"hush").decode()}}
    variable = {"name": "PW", "type": "SECRET", "secret": secret}
    file = {"container_path": "key", "mode": "RO", "source": {"type": "SECRET", "secret": secret}}
    info = task("web", container={"type": "MESOS", "volumes": [file]})
    info["command"]["environment"]["variables"] = [variable]
    agent.launch_group(info)
    agent.wait_state("web", S, R)
    call = agent.container("web").call
    assert call["command"]["environment"]["variables"][0] == variable
    assert call["container"]["volumes"] == [file]
    agent.exit("web", 0)
    executor.wait_exit()
    assert "state=TASK_RUNNING" in executor.log
    assert "hush" not in executor.log


def test_groups_are_independent(agent: FakeAgent, executor: Executor) -> None:
    """A failure ends its group, and the executor stays until all groups have ended."""
    agent.launch_group(task("one"), task("bad"))
    agent.wait_state("one", S, R)
    agent.wait_state("bad", S, R)
    agent.launch_group(task("two"))
    agent.wait_state("two", S, R)
    agent.exit("bad", 3 << 8)
    agent.wait_state("bad", S, R, FAILED)
    agent.wait_state("one", S, R, K, KILLED)
    agent.launch_group(task("three"))
    agent.wait_state("three", S, R)
    assert (agent.states("two"), agent.container("two").signals) == ([S, R], [])
    agent.exit("two", 0)
    agent.exit("three", 0)
    assert executor.wait_exit() == 0
    assert agent.states("three") == [S, R, FINISHED]


def test_a_task_id_is_used_again_in_a_later_group(agent: FakeAgent, executor: Executor) -> None:
    """The link leads to the sandbox of the running container."""
    agent.launch_group(task("stays"))
    agent.wait_state("stays", S, R)
    agent.launch_group(task("job"))
    agent.wait_state("job", S, R)
    first = agent.container("job").id
    agent.kill("job")
    agent.wait_state("job", S, R, K, KILLED)
    agent.launch_group(task("job"))
    last = agent.wait_state("job", S, R, K, KILLED, S, R)
    second = last["container_status"]["container_id"]["value"]
    assert second != first
    assert (executor.sandbox / "tasks" / "pod.job").readlink().name == second
    agent.kill("job")
    agent.wait_state("job", S, R, K, KILLED, S, R, K, KILLED)
    assert agent.containers[second].signals == [SIGTERM]


def test_its_file_may_be_replaced_while_it_runs(agent: FakeAgent, executor: Executor, program: Path) -> None:
    """For the first check it imports modules from the file that it was started from."""
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    kept = program.read_bytes()
    try:
        replacement = program.with_name("new")
        replacement.write_bytes(b"#!/bin/sh\n" + b"# of another release\n" * len(kept))
        replacement.replace(program)
        agent.command_results = [0]
        check = {"type": "COMMAND", "command": {"shell": True, "value": "true"}, "delay_seconds": 0}
        agent.launch_group(task("checked", health_check=check))
        assert agent.wait_state("checked", S, R, R)["healthy"] is True
    finally:
        program.write_bytes(kept)
