"""Rules that are the same for every container: how a kill escalates, and when failing health checks become a verdict.

Pure: no I/O, no clock, no randomness. Times are seconds on any one clock and come in as arguments.
"""

from __future__ import annotations

import enum
import signal
from dataclasses import dataclass, replace
from typing import Final

DEFAULT_KILL_GRACE: Final = 3.0
RETRY_SIGNAL_AFTER: Final = 1.0

SIGTERM: Final = int(signal.SIGTERM)
SIGKILL: Final = int(signal.SIGKILL)


class Cause(enum.Enum):
    """Why a container is being killed."""

    REQUESTED = enum.auto()
    SIBLING = enum.auto()
    UNHEALTHY = enum.auto()
    OVERDUE = enum.auto()
    SHUTDOWN = enum.auto()


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill under way: SIGTERM, then SIGKILL at ``escalate_at``; a refused signal is sent again at ``again_at``."""

    cause: Cause
    detail: str
    escalate_at: float
    signal: int = SIGTERM
    again_at: float | None = None


def begin_kill(cause: Cause, detail: str, grace: float, now: float) -> Kill:
    return Kill(cause, detail, escalate_at=now + max(grace, 0.0))


def shorten(kill: Kill, grace: float, now: float) -> Kill:
    """A later kill may bring SIGKILL nearer, never push it away."""
    return replace(kill, escalate_at=min(kill.escalate_at, now + max(grace, 0.0)))


def take_over(kill: Kill, detail: str, grace: float | None, now: float) -> Kill:
    """The scheduler asks for a kill that is already under way.

    A container that dies only because of its pod has not been named before: the first word on its grace period
    counts, even a longer one. After that a kill is only shortened.
    """
    if grace is None:
        return kill
    if kill.cause is not Cause.SIBLING or kill.signal == SIGKILL:
        return shorten(kill, grace, now)
    return replace(kill, cause=Cause.REQUESTED, detail=detail, escalate_at=now + max(grace, 0.0))


def signal_answered(kill: Kill, sent: int, accepted: bool, now: float) -> Kill:
    """Remember to try again when the agent did not deliver the signal the kill is at."""
    if sent != kill.signal:
        return kill
    return replace(kill, again_at=None if accepted else now + RETRY_SIGNAL_AFTER)


def due_signal(kill: Kill, now: float) -> tuple[Kill, int | None]:
    """The signal to send now, if any."""
    if kill.signal != SIGKILL and now >= kill.escalate_at:
        return replace(kill, signal=SIGKILL, again_at=None), SIGKILL
    if kill.again_at is not None and now >= kill.again_at:
        return replace(kill, again_at=None), kill.signal
    return kill, None


def kill_deadline(kill: Kill) -> float | None:
    """When :func:`due_signal` has something to say next."""
    times = [] if kill.signal == SIGKILL else [kill.escalate_at]
    if kill.again_at is not None:
        times.append(kill.again_at)
    return min(times, default=None)


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """The part of a health check that judges results."""

    grace: float = 10.0
    consecutive_failures: int = 3


@dataclass(frozen=True, slots=True)
class Streak:
    """What the results so far amount to."""

    since: float
    ever_healthy: bool = False
    failures: int = 0


class Verdict(enum.Enum):
    NOTHING_NEW = enum.auto()
    HEALTHY = enum.auto()
    UNHEALTHY = enum.auto()
    KILL = enum.auto()


def judge(streak: Streak, policy: HealthPolicy, passed: bool, now: float) -> tuple[Streak, Verdict]:
    """Add one result.

    Failures do not count before the first success as long as the grace period lasts. ``consecutive_failures``
    of 0 kills at the first one that counts.
    """
    if passed:
        news = Verdict.NOTHING_NEW if streak.ever_healthy and not streak.failures else Verdict.HEALTHY
        return replace(streak, ever_healthy=True, failures=0), news
    if not streak.ever_healthy and now - streak.since <= policy.grace:
        return streak, Verdict.NOTHING_NEW
    streak = replace(streak, failures=streak.failures + 1)
    return streak, Verdict.KILL if streak.failures >= policy.consecutive_failures else Verdict.UNHEALTHY
