"""Row by row: what Mesos' default executor does, where it falls short, and what pymesos' driver gets wrong.

Most rows have their test in another module; ``ROWS`` says where, and that it is there. Those without are here.
"""

from __future__ import annotations

import importlib
import time

import pytest

from tests.executor.conftest import Executor, StartExecutor
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.containers import SIGKILL, SIGTERM

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"
FAST = {"delay_seconds": 0, "interval_seconds": 0.05, "timeout_seconds": 1, "grace_period_seconds": 0}
COMMAND = {**FAST, "type": "COMMAND", "command": {"shell": True, "value": "true"}}


# -- how an end is told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state", "message"),
    [
        (0, FINISHED, "Command exited with status 0"),
        (7 << 8, FAILED, "Command exited with status 7"),
        (SIGKILL, FAILED, "Command terminated with signal SIGKILL"),
    ],
)
def test_an_exit_status_is_a_state_and_a_message(
    agent: FakeAgent, executor: Executor, status: int, state: str, message: str
) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", status)
    last = agent.wait_state("web", S, R, state)
    assert (last["message"], last.get("reason")) == (message, None)
    assert last["source"] == "SOURCE_EXECUTOR"


def test_a_container_that_the_agent_forgot_has_failed(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.stop()
    agent.containers.clear()
    agent.start()
    assert "no longer knows the container" in agent.wait_state("web", S, R, FAILED)["message"]


def test_a_container_that_the_agent_forgot_while_it_was_killed_is_killed(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(task("web", grace=1000.0))
    agent.wait_state("web", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, K)
    agent.stop()
    agent.containers.clear()
    agent.start()
    agent.wait_state("web", S, R, K, KILLED)


def test_an_end_without_an_exit_status_has_failed(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0, exit_status=None)
    assert agent.wait_state("web", S, R, FAILED)["message"] == "The agent has no exit status for the container"


def test_an_agent_that_cannot_tell_the_end_is_quoted(agent: FakeAgent, executor: Executor) -> None:
    """Mesos' executor would exit, and end every container."""
    agent.wait_answers["web"] = (500, "Failed to destroy the container")
    agent.launch_group(task("web"), task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    agent.exit("web", 0)
    assert "Failed to destroy the container" in agent.wait_state("web", S, R, FAILED)["message"]
    agent.wait_state("db", S, R, K, KILLED)


# -- kills --------------------------------------------------------------------------------------------------------


def test_a_sigterm_that_is_not_delivered_is_sent_again(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_signals = 1
    agent.launch_group(task("web", grace=1000.0))
    agent.wait_state("web", S, R)
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    assert [c["kill_container"]["signal"] for c in agent.called("KILL_CONTAINER")] == [SIGTERM, SIGTERM]


def test_a_sigkill_that_is_not_delivered_is_sent_again(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_signals = 3
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.kill("web", grace=0.0)
    agent.wait_state("web", S, R, K, KILLED)
    assert [c["kill_container"]["signal"] for c in agent.called("KILL_CONTAINER")] == [SIGTERM, *[SIGKILL] * 3]


def test_the_default_grace_is_three_seconds(agent: FakeAgent, executor: Executor) -> None:
    agent.stubborn = {"web"}
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    began = time.monotonic()
    agent.kill("web")
    agent.wait_state("web", S, R, K, KILLED)
    assert 3.0 <= time.monotonic() - began < 4.5


def test_a_kill_of_an_unknown_task_changes_nothing(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.kill("stranger")
    wait_until(lambda: "kill of task pod.stranger, which is unknown" in executor.log, "a line about it")
    assert agent.states("web") == [S, R]


# -- restarts of the agent ----------------------------------------------------------------------------------------


def test_the_executor_is_back_within_the_agents_patience(agent: FakeAgent, start: StartExecutor) -> None:
    """An agent waits 2 s for its executors, as MESOS_SUBSCRIPTION_BACKOFF_MAX says, however long it was unreachable."""
    executor = start(MESOS_SUBSCRIPTION_BACKOFF_MAX="2secs")
    agent.wait_subscribed()
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.stop()
    wait_until(lambda: executor.log.count("the agent does not answer") >= 6, "the agent to be away for some tries")
    began = time.monotonic()
    agent.start()
    agent.wait_subscribed(2)
    assert time.monotonic() - began < 1.2


def test_an_executor_that_never_got_a_task_is_shut_down_by_the_agent(agent: FakeAgent, executor: Executor) -> None:
    agent.stop()
    agent.start()
    agent.wait_subscribed(2)
    agent.send({"type": "SHUTDOWN"})
    assert executor.wait_exit() == 0


def test_a_check_that_died_with_the_agent_says_nothing(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [0, None]
    agent.launch_group(task("web", health_check={**COMMAND, "consecutive_failures": 1, "timeout_seconds": 60}))
    agent.wait_state("web", S, R, R)
    agent.wait(lambda: len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")) == 2, "the check that hangs")
    agent.stop()
    agent.start()
    agent.wait(lambda: len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")) > 3, "checks to go on")
    assert agent.states("web") == [S, R, R]


def test_an_update_of_a_container_that_ended_meanwhile_follows_those_before(
    agent: FakeAgent, executor: Executor
) -> None:
    """Nothing is acknowledged before the restart; everything arrives after it, once and in order."""
    agent.acknowledge = False
    agent.launch_group(task("web"))
    agent.wait_state("web", S)
    wait_until(lambda: "TASK_RUNNING" in executor.log, "the second update to be queued")
    agent.exit("web", 3 << 8)
    wait_until(lambda: "TASK_FAILED" in executor.log, "the third update to be queued")
    agent.stop()
    agent.acknowledge = True
    agent.start()
    agent.wait_state("web", S, R, FAILED)
    assert executor.wait_exit() == 0


# -- checks -------------------------------------------------------------------------------------------------------


def test_a_check_that_the_agent_does_not_start_says_nothing(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_sessions = "the agent is busy"
    agent.launch_group(task("web", health_check={**COMMAND, "consecutive_failures": 1}))
    agent.wait_state("web", S, R)
    wait_until(lambda: executor.log.count("the agent did not start a check") >= 3, "some refusals")
    agent.refuse_sessions = ""
    assert agent.wait_state("web", S, R, R)["healthy"] is True


def test_a_check_goes_on_when_its_last_container_cannot_be_removed(agent: FakeAgent, executor: Executor) -> None:
    agent.refuse_removals = True
    agent.command_results = [0, 0, 1 << 8]
    agent.launch_group(task("web", health_check={**COMMAND, "consecutive_failures": 1}))
    agent.wait_state("web", S, R, R, R, K, KILLED)


def test_no_failure_at_all_is_allowed_with_zero_consecutive_failures(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [1 << 8]
    agent.launch_group(task("web", health_check={**COMMAND, "consecutive_failures": 0}))
    last = agent.wait_state("web", S, R, R, K, KILLED)
    assert last["healthy"] is False


def test_checks_of_one_container_do_not_overlap(agent: FakeAgent, executor: Executor) -> None:
    agent.command_results = [None]
    agent.launch_group(task("web", health_check={**COMMAND, "timeout_seconds": 0}))
    agent.wait(lambda: bool(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")), "the check that hangs, for ever")
    agent.launch_group(task("clock", max_completion_time={"nanoseconds": 300_000_000}))
    agent.wait_state("clock", S, R, FAILED)
    assert len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")) == 1


# -- the driver ---------------------------------------------------------------------------------------------------


def test_messages_and_errors_of_the_agent_are_survived(agent: FakeAgent, executor: Executor) -> None:
    agent.send({"type": "MESSAGE", "message": {"data": "aGk="}})
    agent.send({"type": "ERROR", "error": {"message": "something is wrong"}})
    agent.send({"type": "HEARTBEAT"})
    agent.send({"type": "WHATEVER_COMES_NEXT", "whatever": {}})
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    assert "something is wrong" in executor.log


def test_a_group_that_is_delivered_twice_runs_once(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.launch_group(task("web"))
    agent.launch_group(task("db"))
    agent.wait_state("web", S, R)
    agent.wait_state("db", S, R)
    assert len(agent.called("LAUNCH_CONTAINER")) == 2


def test_a_task_outside_a_group_is_run_too(agent: FakeAgent, executor: Executor) -> None:
    agent.send({"type": "LAUNCH", "launch": {"task": task("web")}})
    agent.wait_state("web", S, R)


# -- where the rows are -------------------------------------------------------------------------------------------

LIFE, OUTAGES, CHECKS, MACHINE, EDGES = "pod_life", "agent_outages", "checks_on_agent", "machine", "edges"
HERE, WAYS, ORDER, NAMES, STAND_IN = "conformance", "ways_to_the_agent", "ordering", "policy_and_ending", "stand_in"

ROWS: dict[str, list[tuple[str, str]]] = {
    # what is told: states, reasons, messages
    "TASK_STARTING when the group is received": [(LIFE, "a_pod_runs_and_the_executor_leaves_when_all_is_acknowledged")],
    "TASK_RUNNING without waiting for the siblings": [
        (LIFE, "a_container_is_reported_running_while_a_sibling_still_pulls_its_image")
    ],
    "a check's result is told when it changes": [(CHECKS, "checks_report_changes_and_never_kill")],
    "health is told": [(CHECKS, "a_healthy_container_is_reported_once")],
    "TASK_KILLING for those who know it": [(LIFE, "task_killing_is_not_sent_to_a_framework_that_does_not_know_it")],
    "TASK_FINISHED and TASK_FAILED": [(HERE, "an_exit_status_is_a_state_and_a_message")],
    "a launch that fails says why": [(LIFE, "a_launch_that_fails_is_reported_with_the_agents_words_and_ends_the_pod")],
    "the longest run": [(LIFE, "max_completion_time_ends_the_task_as_failed")],
    "TASK_KILLED by the scheduler, the group, its health, a shutdown": [
        (LIFE, "a_kill_is_a_sigterm_and_ends_the_pod"),
        (LIFE, "a_failed_container_takes_the_pod_down_in_parallel"),
        (CHECKS, "an_unhealthy_container_is_killed_and_its_siblings_stay_what_they_were"),
        (LIFE, "shutdown_kills_all_within_the_agents_grace_and_reports"),
    ],
    "the agent's state, reason, message and limitation": [(LIFE, "what_the_agent_says_about_the_end_wins")],
    "TASK_DROPPED or TASK_LOST": [
        (LIFE, "a_group_for_an_executor_that_shuts_down_is_dropped"),
        (MACHINE, "shutdown_before_any_group_is_leaving"),
    ],
    # what a WAIT is answered with
    "404": [
        (HERE, "a_container_that_the_agent_forgot_has_failed"),
        (HERE, "a_container_that_the_agent_forgot_while_it_was_killed_is_killed"),
    ],
    "no exit status": [(HERE, "an_end_without_an_exit_status_has_failed")],
    "the order of words": [(NAMES, "how_an_end_is_named")],
    "any other answer": [(HERE, "an_agent_that_cannot_tell_the_end_is_quoted")],
    "503 and broken connections": [(OUTAGES, "a_restart_of_the_agent_is_survived_and_nothing_is_lost")],
    # kills
    "unknown tasks": [(HERE, "a_kill_of_an_unknown_task_changes_nothing")],
    "a second kill": [(LIFE, "a_second_kill_shortens_the_grace")],
    "a kill during the launch": [
        (LIFE, "a_kill_during_the_launch_destroys_the_container"),
        (LIFE, "a_kill_that_comes_too_early_for_the_agent_is_remembered"),
    ],
    "event, task, default": [
        (LIFE, "the_kill_policy_of_the_event_wins_over_the_tasks"),
        (LIFE, "a_failed_container_takes_the_pod_down_in_parallel"),
        (HERE, "the_default_grace_is_three_seconds"),
    ],
    "every container its own grace, at the same time": [
        (MACHINE, "a_kill_request_kills_the_whole_pod_at_once_each_with_its_own_grace")
    ],
    "a signal that is refused": [
        (HERE, "a_sigterm_that_is_not_delivered_is_sent_again"),
        (HERE, "a_sigkill_that_is_not_delivered_is_sent_again"),
    ],
    "groups are units": [(STAND_IN, "groups_are_independent")],
    "leaving": [
        (LIFE, "a_pod_runs_and_the_executor_leaves_when_all_is_acknowledged"),
        (MACHINE, "the_last_end_means_leaving_within_a_minute"),
    ],
    # restarts of the agent
    "not checkpointing": [(OUTAGES, "without_checkpointing_the_executor_goes_with_the_agent")],
    "503 and 404 at the subscription": [(OUTAGES, "503_and_404_at_the_subscription_are_ridden_out")],
    "subscribed, but everything else answers 503": [
        (OUTAGES, "a_restart_of_the_agent_is_survived_and_nothing_is_lost")
    ],
    "back in time": [(HERE, "the_executor_is_back_within_the_agents_patience")],
    "unacknowledged updates and tasks": [
        (OUTAGES, "unacknowledged_updates_and_tasks_come_with_the_next_subscription"),
        (HERE, "an_update_of_a_container_that_ended_meanwhile_follows_those_before"),
    ],
    "no task yet": [(HERE, "an_executor_that_never_got_a_task_is_shut_down_by_the_agent")],
    "launches and sessions that died": [
        (OUTAGES, "a_launch_that_died_with_the_agent_is_done_again"),
        (OUTAGES, "a_launch_whose_answer_was_lost_is_not_run_twice"),
        (HERE, "a_check_that_died_with_the_agent_says_nothing"),
    ],
    "the stream is closed": [(OUTAGES, "a_stream_that_ends_is_replaced_at_once")],
    "the agent stays away": [(OUTAGES, "an_agent_that_does_not_come_back_is_given_up_after_the_recovery_timeout")],
    # checks
    "defaults": [(EDGES, "defaults_of_a_health_check_are_those_of_mesos"), (EDGES, "a_timeout_of_zero_is_no_timeout")],
    "no overlap": [(HERE, "checks_of_one_container_do_not_overlap")],
    "COMMAND": [(CHECKS, "a_command_runs_inside_the_container_and_its_exit_code_decides")],
    "COMMAND: what says nothing": [
        (CHECKS, "a_session_that_the_agent_kills_says_nothing_about_the_container"),
        (HERE, "a_check_that_the_agent_does_not_start_says_nothing"),
        (HERE, "a_check_goes_on_when_its_last_container_cannot_be_removed"),
    ],
    "COMMAND: too long": [(CHECKS, "a_command_that_takes_too_long_has_failed")],
    "HTTP": [(CHECKS, "redirects_are_followed"), (CHECKS, "a_service_that_does_not_answer_in_time_is_unhealthy")],
    "HTTPS": [(CHECKS, "https_is_checked_whatever_the_certificate")],
    "TCP": [(CHECKS, "tcp_health_is_a_connection")],
    "IPv6": [(CHECKS, "ipv6_is_checked_on_its_loopback")],
    "grace period": [(CHECKS, "failures_within_the_grace_period_do_not_count")],
    "recovery": [(CHECKS, "a_container_that_recovers_is_reported_healthy_again")],
    "unhealthiness is one container's": [
        (CHECKS, "an_unhealthy_container_is_killed_and_its_siblings_stay_what_they_were")
    ],
    "zero failures": [(HERE, "no_failure_at_all_is_allowed_with_zero_consecutive_failures")],
    "pauses": [(CHECKS, "checks_pause_while_the_agent_is_away"), (CHECKS, "checks_stop_when_a_kill_begins")],
    "checks": [(CHECKS, "checks_report_changes_and_never_kill"), (CHECKS, "a_command_check_reports_the_exit_code")],
    # what pymesos' executor driver gets wrong
    "E1 updates are kept and resent": [
        (OUTAGES, "an_update_that_is_refused_is_sent_again"),
        (OUTAGES, "an_update_whose_acknowledgement_is_lost_is_sent_again"),
        (OUTAGES, "an_update_that_can_never_be_taken_does_not_hold_up_the_next"),
    ],
    "E2 MESOS_CHECKPOINT=0": [(EDGES, "checkpointing_is_what_the_agent_says")],
    "E3 recovery time-out and back-off": [
        (OUTAGES, "an_agent_that_does_not_come_back_is_given_up_after_the_recovery_timeout"),
        (HERE, "the_executor_is_back_within_the_agents_patience"),
    ],
    "E4 the token": [
        (WAYS, "the_token_is_in_every_call"),
        (EDGES, "the_token_is_taken_out_of_the_environment_and_not_shown"),
    ],
    "E5 kill policies": [(LIFE, "the_kill_policy_of_the_event_wins_over_the_tasks")],
    "E6 the own container id": [(LIFE, "every_status_says_which_nested_container_it_is_about")],
    "E7 shutdown": [(LIFE, "shutdown_kills_all_within_the_agents_grace_and_reports")],
    "E8 not ready is not gone": [(OUTAGES, "without_checkpointing_an_agent_that_is_not_ready_is_waited_for")],
    "E9 duplicates": [(HERE, "a_group_that_is_delivered_twice_runs_once")],
    "E10 a launch blocks nothing": [(LIFE, "a_kill_during_the_launch_destroys_the_container")],
    "E11 domain socket, TLS, slave(N)": [
        (WAYS, "the_agents_domain_socket"),
        (WAYS, "tls_with_verification_and_a_certificate_of_ones_own"),
        (EDGES, "the_agents_environment_is_read"),
    ],
    "E12 acknowledgements": [(OUTAGES, "an_acknowledged_task_is_not_listed_again")],
    "E13 ids and timestamps": [(LIFE, "every_status_says_which_nested_container_it_is_about")],
    "E14 events that mean nothing": [(HERE, "messages_and_errors_of_the_agent_are_survived")],
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_its_test(row: str) -> None:
    for module, name in ROWS[row]:
        tests = importlib.import_module(f"tests.executor.test_{module}")
        assert hasattr(tests, f"test_{name}"), f"{module} has no test_{name}"
