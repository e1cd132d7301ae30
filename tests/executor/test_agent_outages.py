"""The real executor process while the agent restarts, recovers, refuses calls or is unreachable."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from podexec.wire import ContainerOptions, TaskData
from tests.executor.conftest import Executor, StartExecutor
from tests.fakes.agent import FakeAgent, task, wait_until

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"


def test_a_restart_of_the_agent_is_survived_and_nothing_is_lost(agent: FakeAgent, executor: Executor) -> None:
    """The container ends while the agent is unreachable; then the agent accepts subscriptions long before updates."""
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.stop()
    agent.exit("db", 0)
    agent.recovering = True
    agent.start()
    agent.wait_subscribed(2)
    waits = len(agent.called("WAIT_CONTAINER"))
    agent.wait(lambda: len(agent.called("WAIT_CONTAINER")) > waits + 1, "WAIT to be tried against the recovering agent")
    agent.recovering = False
    agent.wait_state("db", S, R, FINISHED)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    assert executor.wait_exit() == 0
    assert len(agent.called("LAUNCH_CONTAINER")) == 2


def test_unacknowledged_updates_and_tasks_come_with_the_next_subscription(agent: FakeAgent, executor: Executor) -> None:
    agent.acknowledge = False
    agent.launch_group(task("web"))
    agent.wait_state("web", S)
    wait_until(lambda: "TASK_RUNNING" in executor.log, "the second update to be queued")
    assert agent.states("web") == [S], "one unacknowledged update of a task at a time"
    agent.stop()
    agent.start()
    agent.wait_subscribed(2)
    subscribe = agent.subscriptions[-1]
    assert [u["status"]["state"] for u in subscribe["unacknowledged_updates"]] == [S, R]
    assert [t["task_id"]["value"] for t in subscribe["unacknowledged_tasks"]] == ["pod.web"]


def test_an_acknowledged_task_is_not_listed_again(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.stop()
    agent.start()
    agent.wait_subscribed(2)
    subscribe = agent.subscriptions[-1]
    assert subscribe["unacknowledged_tasks"] == []


def test_an_update_that_is_refused_is_sent_again(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_updates = [(503, "recovering"), (400, "Executor cannot be found"), (403, "not subscribed")]
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)


def test_an_update_that_can_never_be_taken_does_not_hold_up_the_next(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_updates = [(400, "malformed")]
    agent.launch_group(task("web"))
    agent.wait_state("web", R)


def test_an_update_whose_acknowledgement_is_lost_is_sent_again(agent: FakeAgent, executor: Executor) -> None:
    agent.acknowledge = False
    agent.launch_group(task("web"))
    agent.wait_state("web", S)
    agent.acknowledge = True
    agent.wait_state("web", S, R)
    assert [s["state"] for s in agent.updates].count(S) == 2


def test_503_and_404_at_the_subscription_are_ridden_out(agent: FakeAgent, start: StartExecutor) -> None:
    agent.refuse_subscribe = 404
    start()
    agent.wait(lambda: len(agent.called("SUBSCRIBE")) >= 2, "a second try after 404")
    agent.refuse_subscribe = 503
    tries = len(agent.called("SUBSCRIBE"))
    agent.wait(lambda: len(agent.called("SUBSCRIBE")) >= tries + 2, "a second try after 503")
    assert len(agent.called("SUBSCRIBE")) < 40, "with a pause between"
    agent.refuse_subscribe = None
    agent.wait_subscribed()


def test_a_stream_that_ends_is_replaced_at_once(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.end_stream()
    agent.wait_subscribed(2)
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)


@pytest.mark.parametrize("longest", ["0ns", "200ms"])
def test_a_stream_that_ends_at_once_is_replaced_after_a_pause(
    agent: FakeAgent, start: StartExecutor, longest: str
) -> None:
    agent.end_streams = True
    start(MESOS_SUBSCRIPTION_BACKOFF_MAX=longest)
    agent.wait(lambda: bool(agent.subscriptions), "the first subscription")
    began = time.monotonic()
    agent.wait(lambda: len(agent.subscriptions) >= 21, "twenty more")
    assert time.monotonic() - began >= 20 * 0.05
    agent.end_streams = False
    agent.wait_subscribed(22)


def test_an_agent_that_refuses_every_subscription_is_not_asked_without_a_pause(
    agent: FakeAgent, start: StartExecutor
) -> None:
    agent.refuse_subscribe = 503
    start(MESOS_SUBSCRIPTION_BACKOFF_MAX="0ns")
    agent.wait(lambda: bool(agent.called("SUBSCRIBE")), "the first try")
    began = time.monotonic()
    agent.wait(lambda: len(agent.called("SUBSCRIBE")) >= 21, "twenty more")
    assert time.monotonic() - began >= 20 * 0.05


def test_an_agent_without_routes_has_not_forgotten_the_container(agent: FakeAgent, executor: Executor) -> None:
    """The agent answers 404 until it has started, and also about an unknown container, which it then names."""
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.stop()
    agent.routes = False
    agent.start()
    waits = len(agent.called("WAIT_CONTAINER"))
    agent.wait(lambda: len(agent.called("WAIT_CONTAINER")) >= waits + 2, "WAIT to be tried again")
    agent.routes = True
    agent.wait_subscribed(2)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)


@pytest.mark.parametrize("lacks", ["recovering", "routes"])
def test_a_command_before_the_end_waits_for_an_agent_that_is_not_ready(
    agent: FakeAgent, executor: Executor, lacks: str
) -> None:
    """Otherwise SIGTERM would follow though the command never ran. An agent answers 503 until it has recovered, and
    even earlier 404.
    """
    behaviour = ContainerOptions(pre_stop={"shell": True, "value": "drain"})
    agent.launch_group(task("web", grace=60.0, data=TaskData({}, behaviour).encode()))
    agent.wait_state("web", S, R)
    ready = getattr(agent, lacks)
    setattr(agent, lacks, not ready)
    agent.kill("web")
    agent.wait(lambda: len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")) >= 2, "the command to be tried twice")
    assert agent.called("KILL_CONTAINER") == []
    setattr(agent, lacks, ready)
    agent.wait_state("web", S, R, K, KILLED)
    kinds = [kind for kind, _ in agent.calls]
    tries = [index for index, kind in enumerate(kinds) if kind == "LAUNCH_NESTED_CONTAINER_SESSION"]
    assert tries[-1] < kinds.index("KILL_CONTAINER")


def test_no_thread_of_an_ended_container_stays(agent: FakeAgent, executor: Executor) -> None:
    """Threads for its wait, signals, preStop command and checks, one of which is never answered."""

    def threads() -> int:
        return len(list(Path(f"/proc/{executor.process.pid}/task").iterdir()))

    agent.launch_group(task("stays"))
    agent.wait_state("stays", S, R)
    wait_until(lambda: "TASK_RUNNING" in executor.log, "the log to be under way")
    before = threads()
    silent = socket.create_server(("127.0.0.1", 0))
    behaviour = ContainerOptions(pre_stop={"shell": True, "value": "drain"})
    often = {"delay_seconds": 0, "interval_seconds": 0.1, "timeout_seconds": 0, "grace_period_seconds": 300}
    http = {"type": "HTTP", "http": {"port": silent.getsockname()[1]}, **often}
    agent.launch_group(task("web", health_check=http, data=TaskData({}, behaviour).encode()))
    agent.wait_state("web", S, R)
    asked, _ = silent.accept()
    assert threads() > before
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    wait_until(lambda: threads() <= before, "its threads to end")
    asked.close()
    silent.close()


def test_a_launch_whose_answer_was_lost_is_not_run_twice(agent: FakeAgent, executor: Executor) -> None:
    agent.drop_launch_answer = {"web"}
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    assert len(agent.called("LAUNCH_CONTAINER")) == 1
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)


def test_a_launch_that_died_with_the_agent_is_done_again(agent: FakeAgent, executor: Executor) -> None:
    agent.held = {"web"}
    agent.launch_group(task("web"))
    agent.wait(lambda: bool(agent.containers), "the launch to begin")
    agent.stop()
    agent.release("web")
    agent.containers.clear()
    agent.start()
    agent.wait_state("web", S, R)
    assert len(agent.called("LAUNCH_CONTAINER")) == 2


def test_without_checkpointing_the_executor_goes_with_the_agent(agent: FakeAgent, start: StartExecutor) -> None:
    executor = start(MESOS_CHECKPOINT="0")
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.stop()
    assert executor.wait_exit() == 0


def test_without_checkpointing_an_agent_that_is_not_ready_is_waited_for(agent: FakeAgent, start: StartExecutor) -> None:
    agent.refuse_subscribe = 503
    start(MESOS_CHECKPOINT="0")
    agent.wait(lambda: len(agent.called("SUBSCRIBE")) >= 2, "a second try")
    agent.refuse_subscribe = None
    agent.wait_subscribed()


def test_an_agent_that_does_not_come_back_is_given_up_after_the_recovery_timeout(
    agent: FakeAgent, start: StartExecutor
) -> None:
    executor = start(MESOS_RECOVERY_TIMEOUT="1secs")
    agent.wait_subscribed()
    began = time.monotonic()
    agent.stop()
    assert executor.wait_exit() == 0
    assert 0.9 < time.monotonic() - began < 3
    assert "did not come back within 1 s" in executor.log


def test_the_token_is_sent_to_both_apis_and_leaves_the_environment(agent: FakeAgent, start: StartExecutor) -> None:
    agent.token = "s3cret"
    agent.broken = {}
    executor = start(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="s3cret")
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    assert executor.wait_exit() == 0
    assert "s3cret" not in executor.log


def test_a_wrong_token_is_named_in_the_log_and_tried_again(agent: FakeAgent, start: StartExecutor) -> None:
    agent.token = "right"
    executor = start(MESOS_EXECUTOR_AUTHENTICATION_TOKEN="wrong")
    wait_until(
        lambda: "no token, no service" in executor.log and "level=error" in executor.log, "a line with the answer"
    )
