"""Options of podexec's scheduler beyond the TaskInfo, with the real executor process and the fake agent."""

from __future__ import annotations

import time
from itertools import groupby
from typing import Any

import pytest

from podexec.wire import (
    ALWAYS,
    ON_FAILURE,
    READY,
    STARTED,
    SUCCEEDED,
    ContainerOptions,
    Dependency,
    ExecutorData,
    Restart,
    StatusLabels,
    TaskData,
)
from tests.executor.conftest import Executor
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.containers import SIGKILL, SIGTERM, Json

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"
FAST = {"delay_seconds": 0, "interval_seconds": 0.05, "timeout_seconds": 1, "grace_period_seconds": 0}


@pytest.fixture
def agent() -> Any:
    """An agent whose executor was started by podexec's scheduler."""
    agent = FakeAgent()
    agent.executor["data"] = ExecutorData().encode()
    yield agent
    agent.stop()


def behaving(name: str, behaviour: ContainerOptions, **fields: Any) -> Json:
    return task(name, data=TaskData(behaviour=behaviour).encode(), **fields)


def restart(policy: str, limit: int | None = None, backoff: float = 0.05) -> Restart:
    return Restart(policy, limit, backoff, 1.0, 1.0, 600.0)


def command_check(**fields: Any) -> Json:
    return {**FAST, "type": "COMMAND", "command": {"shell": True, "value": "true"}, **fields}


def container_ids(agent: FakeAgent, name: str) -> list[str]:
    """The container ids of its statuses in order, each once."""
    ids = [s["container_status"]["container_id"]["value"] for s in agent.statuses(name)]
    return list(dict.fromkeys(ids))


def test_a_failed_container_is_started_again_under_the_same_task(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(behaving("web", ContainerOptions(restart=restart(ON_FAILURE))), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    first = agent.container("web")
    agent.exit("web", 3 << 8)
    agent.wait_state("web", S, R, R, R)
    second = agent.container("web")
    assert (first.id, second.id) == tuple(container_ids(agent, "web"))
    assert second.id == f"{first.id}-1"
    assert {**first.call, "container_id": None} == {**second.call, "container_id": None}
    labels = [StatusLabels.decode(s.get("labels")).restarts for s in agent.statuses("web")]
    assert labels == [0, 0, 0, 1]
    assert "exited with status 3; restarting in" in agent.statuses("web")[2]["message"]
    link = executor.sandbox / "tasks" / "pod.web"
    assert str(link.readlink()) == f"../containers/{second.id}", "people find the present run"
    agent.exit("web", 0)
    agent.wait_state("web", S, R, R, R, FINISHED)
    assert agent.states("db") == [S, R]


def test_old_runs_are_removed_and_the_last_is_kept(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(behaving("web", ContainerOptions(restart=restart(ALWAYS, limit=3))))
    for run in range(4):
        agent.wait(lambda: sum(c.name == "web" for c in agent.started) == run + 1, f"run {run}")  # noqa: B023
        agent.wait_state("web", *[S, R, *[R, R] * run])
        agent.exit("web", 0)
    agent.wait_state("web", S, R, R, R, R, R, R, R, FINISHED)
    first, second, _, _ = agent.started
    agent.wait(lambda: len(agent.called("REMOVE_CONTAINER")) == 2, "two removals")
    removed = [c["remove_container"]["container_id"]["value"] for c in agent.called("REMOVE_CONTAINER")]
    assert removed == [first.id, second.id]
    assert executor.wait_exit() == 0


def test_a_container_that_ends_while_the_agent_is_away_is_started_again_when_it_is_back(
    agent: FakeAgent, executor: Executor
) -> None:
    agent.launch_group(behaving("web", ContainerOptions(restart=restart(ON_FAILURE))))
    agent.wait_state("web", S, R)
    agent.stop()
    agent.exit("web", 1 << 8)
    agent.start()
    agent.wait_state("web", S, R, R, R)
    agent.kill("web")
    agent.wait_state("web", S, R, R, R, K, KILLED)


def test_init_container_main_and_sidecar(agent: FakeAgent, executor: Executor) -> None:
    """The sidecar starts before the main container, stops after it, and does not keep the pod alive."""
    agent.stubborn = {"proxy"}
    agent.launch_group(
        behaving("main", ContainerOptions(depends_on=(Dependency("init", SUCCEEDED), Dependency("proxy", STARTED)))),
        task("init"),
        behaving("proxy", ContainerOptions(essential=False, depends_on=(Dependency("init", SUCCEEDED),)), grace=0.3),
    )
    agent.wait_state("init", S, R)
    assert [c.name for c in agent.started] == ["init"]
    agent.exit("init", 0)
    agent.wait_state("main", S, R)
    assert [c.name for c in agent.started] == ["init", "proxy", "main"]
    message = "waits for container init to succeed and container proxy to start"
    assert agent.statuses("main")[0]["message"] == message
    agent.exit("main", 0)
    assert "all essential containers" in agent.wait_state("proxy", S, R, K, KILLED)["message"]
    assert agent.container("proxy").signals == [SIGTERM, SIGKILL]
    assert agent.states("main") == [S, R, FINISHED]
    assert executor.wait_exit() == 0


def test_containers_stop_in_the_reverse_order(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(
        task("db"), behaving("web", ContainerOptions(depends_on=(Dependency("db", STARTED),)), grace=0.5)
    )
    agent.wait_state("web", S, R)
    began = time.monotonic()
    agent.kill("db")
    agent.wait_state("db", S, R, K, KILLED)
    assert time.monotonic() - began >= 0.5
    kills = [c["kill_container"] for c in agent.called("KILL_CONTAINER")]
    signals = [(c["container_id"]["value"].partition("-")[0], c["signal"]) for c in kills]
    assert signals == [("web", SIGTERM), ("web", SIGKILL), ("db", SIGTERM)]


def test_readiness_is_a_label_of_the_status(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [1 << 8, 0, 1 << 8, 1 << 8]
    readiness = command_check(consecutive_failures=2)
    agent.launch_group(
        behaving("db", ContainerOptions(readiness=readiness)),
        behaving("web", ContainerOptions(depends_on=(Dependency("db", READY),))),
    )
    agent.wait(lambda: len(agent.states("db")) >= 5, "its first result, that it is ready, and then not")
    told = [StatusLabels.decode(s.get("labels")).ready for s in agent.statuses("db")]
    assert told[:5] == [False, False, False, True, False]
    first, ready, not_ready = agent.statuses("db")[2:5]
    assert ready["reason"] == "REASON_TASK_CHECK_STATUS_UPDATED"
    assert "exited with 1" in first["message"]
    assert "exited with 1" in not_ready["message"]
    agent.wait_state("web", S, R)
    assert [StatusLabels.decode(s.get("labels")).ready for s in agent.statuses("web")] == [None, None]


def test_another_scheduler_gets_no_labels(agent: FakeAgent, executor: Executor) -> None:
    """A framework that sends no ExecutorInfo.data expects Mesos' default executor."""
    del agent.executor["data"]
    agent.stop()
    agent.start()
    agent.wait_subscribed(2)
    check = {**FAST, "type": "COMMAND", "command": {"command": {"value": "true"}}}
    agent.launch_group(task("web", check=check))
    agent.wait_state("web", S, R, R)
    assert [s.get("labels") for s in agent.statuses("web")] == [None] * 3


def test_each_of_several_health_checks_can_kill(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [0, 0, 0, 0, 0]
    slow = command_check(consecutive_failures=1000)
    with_port = {**FAST, "type": "TCP", "tcp": {"port": 1}, "consecutive_failures": 3}
    agent.launch_group(behaving("web", ContainerOptions(health_checks=(with_port,)), health_check=slow))
    agent.wait(lambda: agent.states("web")[-1:] == [KILLED], "its end")
    assert [state for state, _ in groupby(agent.states("web"))] == [S, R, K, KILLED]
    last = agent.statuses("web")[-1]
    assert "127.0.0.1:1: Connection refused" in last["message"]
    assert "failed 3 times in a row" in last["message"]


def test_an_unhealthy_container_is_started_again(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [0, 1 << 8]
    check = command_check(consecutive_failures=1)
    agent.launch_group(behaving("web", ContainerOptions(restart=restart(ON_FAILURE)), health_check=check), task("db"))
    agent.wait(lambda: len(agent.states("web")) >= 6, "healthy, unhealthy, down, up, healthy")
    assert agent.states("web")[:6] == [S, R, R, R, R, R]
    assert [s.get("healthy") for s in agent.statuses("web")[:6]] == [None, None, True, False, False, False]
    agent.wait(lambda: agent.statuses("web")[-1].get("healthy") is True, "healthy again")
    assert agent.states("db") == [S, R]


def test_the_command_before_the_end_runs_in_the_container_first(agent: FakeAgent, executor: Executor) -> None:
    hook = {"shell": True, "value": "drain"}
    agent.launch_group(behaving("web", ContainerOptions(pre_stop=hook), grace=10.0))
    agent.wait_state("web", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    (call,) = agent.called("LAUNCH_NESTED_CONTAINER_SESSION")
    session = call["launch_nested_container_session"]
    assert session["command"] == hook
    assert session["container_id"]["parent"]["value"] == agent.container("web").id
    kinds = [kind for kind, _ in agent.calls]
    assert kinds.index("LAUNCH_NESTED_CONTAINER_SESSION") < kinds.index("KILL_CONTAINER")
    wait_until(lambda: "preStop command ended" in executor.log, "a line about it")


def test_a_command_before_the_end_that_hangs_ends_with_the_grace_period(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [None]
    agent.launch_group(behaving("web", ContainerOptions(pre_stop={"shell": True, "value": "sleep 1000"}), grace=0.5))
    agent.wait_state("web", S, R)
    began = time.monotonic()
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    assert 0.5 <= time.monotonic() - began < 1.5
    assert agent.container("web").signals == [SIGKILL]
    assert executor.wait_exit() == 0


def test_a_command_before_the_end_that_cannot_be_run_does_not_hold_up_the_end(
    agent: FakeAgent, executor: Executor
) -> None:
    agent.refuse_sessions = "no sessions today"
    agent.launch_group(behaving("web", ContainerOptions(pre_stop={"shell": True, "value": "drain"}), grace=1000.0))
    agent.wait_state("web", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    assert agent.container("web").signals == [SIGTERM]
    executor.wait_exit()
    assert "no sessions today" in executor.log


def test_a_behaviour_of_another_release_fails_the_task_with_the_reason(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web", data="eyJ2ZXJzaW9uIjo5OSwicGFydHMiOnt9fQ=="))
    assert "TaskInfo.data is not of version 1" in agent.wait_state("web", FAILED)["message"]
    assert executor.wait_exit() == 0
