"""Restarts in place: when, how often, and without a report of an end."""

from __future__ import annotations

import pytest

from podexec import events as ev
from podexec.health import HealthPolicy
from podexec.kills import SETTLE, SIGTERM
from podexec.machine import next_deadline
from podexec.pod import Condition
from podexec.restarts import NextRun, next_run
from podexec.termination import Termination
from podexec.wire import ALWAYS, ON_FAILURE, Restart
from tests.executor.story import BY_SIGKILL, BY_SIGTERM, EXIT_0, EXIT_3, A, B, Story, after, spec

SOON = Restart(ON_FAILURE, limit=None, backoff=2.0, factor=2.0, max_backoff=60.0, reset_after=600.0)
EVER = Restart(ALWAYS, limit=None, backoff=2.0, factor=2.0, max_backoff=60.0, reset_after=600.0)
ONCE = Restart(ON_FAILURE, limit=1, backoff=2.0, factor=2.0, max_backoff=60.0, reset_after=600.0)
STRICT = HealthPolicy(grace=0.0, consecutive_failures=1)


@pytest.mark.parametrize(
    ("policy", "in_row", "ran", "succeeded", "expected"),
    [
        (None, 0, 1.0, False, None),
        (SOON, 0, 1.0, True, None),
        (SOON, 0, 1.0, False, NextRun(2.0, 1)),
        (SOON, 3, 1.0, False, NextRun(16.0, 4)),
        (SOON, 99, 1.0, False, NextRun(60.0, 100)),
        (SOON, 99, 600.0, False, NextRun(2.0, 1)),
        (EVER, 0, 1.0, True, NextRun(2.0, 1)),
        (ONCE, 1, 1.0, False, None),
        (ONCE, 1, 600.0, False, NextRun(2.0, 1)),
        (Restart(ALWAYS, 0, 0.0, 1.0, 0.0, 1.0), 0, 0.0, False, None),
        (Restart(ALWAYS, None, 5.0, 1.0, 3.0, 9.0), 10**9, 0.0, False, NextRun(3.0, 10**9 + 1)),
    ],
)
def test_the_next_start(
    policy: Restart | None, in_row: int, ran: float, succeeded: bool, expected: NextRun | None
) -> None:
    assert next_run(policy, in_row, ran, succeeded) == expected


def test_a_failure_is_a_restart_after_the_back_off_with_a_new_id_and_no_last_word() -> None:
    story = Story(spec(A, restart=SOON), spec(B))
    story.tell(ev.ContainerExited(A, EXIT_3))
    told = story.report()
    assert (told.state, told.container_id, told.restarts) == ("TASK_RUNNING", A, 0)
    assert told.message == "Command exited with status 3; restarting in 2 s (restart 1)"
    assert next_deadline(story.pod) == story.now + 2.0
    assert story.launches() == []
    story.tell(ev.Ticked(), after=2.0)
    assert story.launches() == ["a-1-1"]
    story.tell(ev.ContainerLaunched("a-1-1"))
    told = story.report()
    assert (told.state, told.container_id, told.restarts) == ("TASK_RUNNING", "a-1-1", 1)
    assert story.reports("pod.b") == [], "nobody else has to care"


def test_success_ends_a_container_that_is_restarted_on_failure_only() -> None:
    story = Story(spec(A, restart=SOON))
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.reports() == ["TASK_FINISHED"]
    story = Story(spec(A, restart=EVER))
    story.tell(ev.ContainerExited(A, EXIT_0))
    assert story.reports() == ["TASK_RUNNING"]


def test_waits_grow_and_the_limit_ends_it() -> None:
    story = Story(spec(A, restart=Restart(ON_FAILURE, 3, 1.0, 3.0, 5.0, 600.0)))
    waits = []
    for run in range(3):
        story.tell(ev.ContainerExited(A if run == 0 else f"{A}-{run}", EXIT_3))
        deadline = next_deadline(story.pod)
        assert deadline is not None
        waits.append(deadline - story.now)
        story.tell(ev.Ticked(), after=waits[-1])
        story.tell(ev.ContainerLaunched(f"{A}-{run + 1}"))
    assert waits == [1.0, 3.0, 5.0]
    story.tell(ev.ContainerExited(f"{A}-3", EXIT_3))
    assert (story.report().state, story.report().restarts) == ("TASK_FAILED", 3)
    assert story.leave() == [60.0]


def test_the_last_ended_run_is_kept_and_those_before_are_removed() -> None:
    story = Story(spec(A, restart=SOON))
    for run in (A, "a-1-1", "a-1-2"):
        story.tell(ev.ContainerExited(run, EXIT_3))
        story.tell(ev.Ticked(), after=60.0)
        story.launched()
    removed = [e.container_id for e in story.effects if isinstance(e, ev.Remove)]
    assert removed == [A, "a-1-1"], "a-1-2 has just ended and tells why"


def test_a_launch_that_fails_is_tried_again() -> None:
    story = Story(spec(A, restart=ONCE), launched=False)
    story.tell(ev.LaunchFailed(A, "no image"))
    assert story.reports() == ["TASK_STARTING"], "it has never run"
    assert "no image" in (story.report().message or "")
    story.tell(ev.Ticked(), after=2.0)
    story.tell(ev.LaunchFailed("a-1-1", "no image"))
    assert story.report().reason == "REASON_CONTAINER_LAUNCH_FAILED"


def test_an_agents_own_verdict_is_a_failure_like_any_other() -> None:
    story = Story(spec(A, restart=SOON))
    reason = "REASON_CONTAINER_LIMITATION_MEMORY"
    story.tell(ev.ContainerExited(A, Termination(9, "TASK_FAILED", reason, "too much memory")))
    assert (story.report().state, story.report().reason) == ("TASK_RUNNING", None)
    assert "too much memory" in (story.report().message or "")


def test_unhealthy_is_killed_and_started_again_without_a_word_of_killing() -> None:
    story = Story(spec(A, restart=SOON, health=(STRICT,)), spec(B))
    story.tell(ev.HealthObserved(A, passed=True))
    story.tell(ev.HealthObserved(A, passed=False, message="500"))
    assert story.signals() == [(A, SIGTERM)]
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert story.report().healthy is False
    story.tell(ev.Ticked(), after=2.0)
    story.tell(ev.ContainerLaunched("a-1-1"))
    assert story.reports() == ["TASK_RUNNING"] * 4
    assert story.report().healthy is False, "until it is seen healthy again"
    story.tell(ev.HealthObserved("a-1-1", passed=True))
    assert story.report().healthy is True


def test_a_kill_that_will_not_be_followed_by_a_restart_is_reported_once() -> None:
    story = Story(spec(A, restart=SOON, health=(STRICT,)), spec(B))
    story.tell(ev.HealthObserved(A, passed=False, message="500"))
    story.tell(ev.ContainerExited(B, EXIT_3))
    for _ in range(3):
        story.tell(ev.Ticked(), after=0.1)
    assert story.reports("pod.a") == ["TASK_RUNNING", "TASK_KILLING"]


def test_unhealthy_beyond_the_limit_ends_the_pod() -> None:
    never = Restart(ON_FAILURE, 0, 2.0, 2.0, 60.0, 600.0)
    story = Story(spec(A, restart=never, health=(STRICT,)), spec(B))
    story.tell(ev.HealthObserved(A, passed=False, message="500"))
    assert story.signals() == [(A, SIGTERM), (B, SIGTERM)]
    assert story.reports() == ["TASK_RUNNING", "TASK_KILLING", "TASK_KILLING"]


def test_a_run_that_took_too_long_is_a_failure() -> None:
    story = Story(spec(A, restart=ONCE, max_completion=30.0))
    story.tell(ev.Ticked(), after=30.0)
    story.tell(ev.ContainerExited(A, BY_SIGKILL))
    story.tell(ev.Ticked(), after=2.0)
    story.launched()
    assert story.reports() == ["TASK_RUNNING", "TASK_RUNNING"]
    story.tell(ev.Ticked(), after=30.0)
    story.tell(ev.ContainerExited("a-1-1", BY_SIGKILL))
    assert story.report().reason == "REASON_MAX_COMPLETION_TIME_REACHED", "each run has all the time"


def test_a_kill_is_for_good_while_it_runs_waits_or_is_killed_to_be_restarted() -> None:
    story = Story(spec(A, restart=EVER))
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert story.reports() == ["TASK_KILLING", "TASK_KILLED"]

    story = Story(spec(A, restart=EVER))
    story.tell(ev.ContainerExited(A, EXIT_3))
    story.tell(ev.KillRequested("pod.a"))
    assert story.reports() == ["TASK_RUNNING", "TASK_KILLED"]
    assert story.report().message == "Killed while waiting to be restarted; previous run: Command exited with status 3"
    assert story.leave() == [60.0]

    story = Story(spec(A, restart=EVER, health=(STRICT,)))
    story.tell(ev.HealthObserved(A, passed=False))
    story.tell(ev.KillRequested("pod.a"))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert story.reports() == ["TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_nothing_is_started_again_in_a_pod_that_ends() -> None:
    story = Story(spec(A, restart=EVER), spec(B))
    story.tell(ev.ContainerExited(B, EXIT_3))
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert story.reports("pod.a") == ["TASK_KILLING", "TASK_KILLED"]


def test_a_restart_under_way_is_cancelled_by_the_end_of_the_pod() -> None:
    story = Story(spec(A, restart=EVER), spec(B))
    story.tell(ev.ContainerExited(A, EXIT_3))
    story.tell(ev.Ticked(), after=2.0)
    story.tell(ev.ContainerExited(B, EXIT_3))
    assert story.condition(A) is Condition.CANCELLING
    story.tell(ev.LaunchFailed("a-1-1", "being destroyed"))
    assert story.reports("pod.a") == ["TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_shutdown_ends_a_container_that_was_to_be_restarted() -> None:
    story = Story(spec(A, restart=EVER, health=(STRICT,)), spec(B, restart=EVER))
    story.tell(ev.HealthObserved(A, passed=False))
    story.tell(ev.ContainerExited(B, EXIT_3))
    story.tell(ev.ShutdownRequested("agent", grace=5.0))
    story.tell(ev.ContainerExited(A, BY_SIGTERM))
    assert story.reports("pod.a")[-2:] == ["TASK_KILLING", "TASK_KILLED"]
    assert story.reports("pod.b")[-1] == "TASK_KILLED"


def test_what_was_seen_of_an_earlier_run_is_not_said_of_the_present() -> None:
    story = Story(spec(A, restart=SOON, health=(STRICT,)))
    story.tell(ev.ContainerExited(A, EXIT_3))
    story.tell(ev.Ticked(), after=2.0)
    story.launched()
    story.effects.clear()
    for late in (ev.HealthObserved(A, passed=False), ev.SignalAnswered(A, SIGTERM, True), ev.HookEnded(A)):
        assert [type(e) for e in story.tell(late)] == [ev.Note]


def test_a_restart_disturbs_nobody_who_depends_on_it() -> None:
    story = Story(spec(A, restart=SOON), spec(B, depends_on=after("a")))
    story.tell(ev.ContainerExited(A, EXIT_3))
    story.tell(ev.Ticked(), after=2.0 + SETTLE)
    assert story.reports("pod.b") == []
    assert story.condition(B) is Condition.RUNNING
