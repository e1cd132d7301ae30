"""Judges the results of health checks, of which a container may have several, and of readiness checks.

Pure: no I/O, no clock. Times are seconds on any one clock and come in as arguments.
"""

from __future__ import annotations

import enum

from podexec.record import record, replace


@record
class HealthPolicy:
    """The limits by which a health check judges its results."""

    grace: float = 10.0
    consecutive_failures: int = 3


@record
class Streak:
    """Summary of the results of one health check so far."""

    since: float
    ever_healthy: bool = False
    failures: int = 0


class Verdict(enum.Enum):
    NOTHING_NEW = enum.auto()
    HEALTHY = enum.auto()
    UNHEALTHY = enum.auto()
    KILL = enum.auto()


def judge(streak: Streak, policy: HealthPolicy, passed: bool, now: float) -> tuple[Streak, Verdict]:
    """Add one result, and return the verdict.

    Failures do not count before the first success while the grace period lasts. With ``consecutive_failures`` of 0 the
    first one that counts kills.
    """
    if passed:
        news = Verdict.NOTHING_NEW if streak.ever_healthy and not streak.failures else Verdict.HEALTHY
        return replace(streak, ever_healthy=True, failures=0), news
    if not streak.ever_healthy and now - streak.since <= policy.grace:
        return streak, Verdict.NOTHING_NEW
    streak = replace(streak, failures=streak.failures + 1)
    return streak, Verdict.KILL if streak.failures >= policy.consecutive_failures else Verdict.UNHEALTHY


def together(streaks: tuple[Streak, ...]) -> bool | None:
    """Whether all health checks of a container pass; None while one of them has no verdict."""
    if any(streak.failures for streak in streaks):
        return False
    return True if streaks and all(streak.ever_healthy for streak in streaks) else None


@record
class Readiness:
    """Summary of the results of a readiness check so far."""

    ready: bool = False
    failures: int = 0

    def with_result(self, passed: bool, consecutive_failures: int) -> Readiness:
        """Add one result: one success makes it ready, ``consecutive_failures`` in a row make it not ready."""
        if passed:
            return Readiness(ready=True)
        failures = self.failures + 1
        return Readiness(self.ready and failures < consecutive_failures, failures)
