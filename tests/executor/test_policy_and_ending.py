"""Small pure rules: health streaks, and the state, reason and message of an end."""

from __future__ import annotations

import pytest

from podexec.health import HealthPolicy, Streak, Verdict, judge
from podexec.kills import Cause, Kill
from podexec.termination import Termination, describe, ending, not_launched

N, H, U, K = Verdict.NOTHING_NEW, Verdict.HEALTHY, Verdict.UNHEALTHY, Verdict.KILL


@pytest.mark.parametrize(
    ("policy", "results", "verdicts"),
    [
        (HealthPolicy(0, 3), "++-+", [H, N, U, H]),
        (HealthPolicy(0, 3), "---", [U, U, K]),
        (HealthPolicy(0, 3), "--+---", [U, U, H, U, U, K]),
        (HealthPolicy(0, 1), "-", [K]),
        (HealthPolicy(0, 0), "-", [K]),
        (HealthPolicy(2, 1), "--+-", [N, N, H, K]),
        (HealthPolicy(2, 2), "-----", [N, N, U, K, K]),
    ],
)
def test_a_streak_of_results_one_a_second(policy: HealthPolicy, results: str, verdicts: list[Verdict]) -> None:
    streak, seen = Streak(since=0.0), []
    for second, result in enumerate(results, start=1):
        streak, verdict = judge(streak, policy, result == "+", float(second))
        seen.append(verdict)
    assert seen == verdicts


REQUESTED = Kill(Cause.REQUESTED, "", 0.0)
OVERDUE = Kill(Cause.OVERDUE, "too long", 0.0)
SIBLING = Kill(Cause.SIBLING, "web ended", 0.0)


@pytest.mark.parametrize(
    ("termination", "kill", "state", "reason", "message"),
    [
        (Termination(0), None, "TASK_FINISHED", None, "Command exited with status 0"),
        (Termination(256), None, "TASK_FAILED", None, "Command exited with status 1"),
        (Termination(35072), None, "TASK_FAILED", None, "Command exited with status 137"),
        (Termination(9), None, "TASK_FAILED", None, "Command terminated with signal SIGKILL"),
        (Termination(139), None, "TASK_FAILED", None, "Command terminated with signal SIGSEGV"),
        (Termination(), None, "TASK_FAILED", None, "The agent has no exit status for the container"),
        (Termination(0), REQUESTED, "TASK_KILLED", None, "Command exited with status 0"),
        (Termination(15), SIBLING, "TASK_KILLED", None, "Command terminated with signal SIGTERM; web ended"),
        (Termination(), REQUESTED, "TASK_KILLED", None, "The agent has no exit status for the container"),
        (
            Termination(9),
            OVERDUE,
            "TASK_FAILED",
            "REASON_MAX_COMPLETION_TIME_REACHED",
            "Command terminated with signal SIGKILL; too long",
        ),
        (
            Termination(9, "TASK_FAILED", "REASON_CONTAINER_LIMITATION_DISK", "disk full"),
            REQUESTED,
            "TASK_FAILED",
            "REASON_CONTAINER_LIMITATION_DISK",
            "Command terminated with signal SIGKILL: disk full",
        ),
    ],
)
def test_how_an_end_is_named(
    termination: Termination, kill: Kill | None, state: str, reason: str | None, message: str
) -> None:
    end = ending(termination, kill)
    assert (end.state, end.reason, end.message) == (state, reason, message)


def test_a_signal_without_a_name_is_a_number() -> None:
    assert describe(33) == "Command terminated with signal 33"


def test_a_container_that_never_ran() -> None:
    assert not_launched("no image", None).state == "TASK_FAILED"
    assert not_launched("destroyed", SIBLING).state == "TASK_KILLED"
    assert not_launched("destroyed", OVERDUE).reason == "REASON_MAX_COMPLETION_TIME_REACHED"
