"""The real executor process when the agent restarts, recovers, refuses or goes away."""

from __future__ import annotations

import time

from tests.executor.conftest import Executor, StartExecutor
from tests.executor.fake_agent import FakeAgent, task, wait_until

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"


def test_a_restart_of_the_agent_is_survived_and_nothing_is_lost(agent: FakeAgent, executor: Executor) -> None:
    """The container ends while the agent is away; then the agent takes subscriptions long before it takes updates."""
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
