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
# An agent answers a launch when the container is handed over to its init, which drops signals for a moment: it forwards
# them once it has started the command. A SIGTERM that comes too early would be lost, and the grace period with it.
SETTLE: Final = 0.5

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
    """A kill under way: SIGTERM, then SIGKILL at ``escalate_at``; the one it is at is sent (again) at ``again_at``."""

    cause: Cause
    detail: str
    escalate_at: float
    signal: int = SIGTERM
    again_at: float | None = None


def begin_kill(cause: Cause, detail: str, grace: float, now: float, settled: float | None = None) -> Kill:
    """A kill whose SIGTERM is sent now, or at ``again_at`` if the container settles later and has any grace."""
    if settled is None or settled <= now or grace <= 0:
        return Kill(cause, detail, escalate_at=now + max(grace, 0.0))
    begin = now if cause is Cause.SHUTDOWN else settled
    return Kill(cause, detail, escalate_at=begin + grace, again_at=settled)


def launched_late(kill: Kill, now: float) -> Kill:
    """The container began to run after its kill had begun: what was sent before may have reached nobody."""
    return replace(kill, again_at=now if kill.signal == SIGKILL else now + SETTLE)


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
    """Try again when the agent did not deliver the signal that the kill is at."""
    if sent != kill.signal or accepted:
        return kill
    return replace(kill, again_at=now + RETRY_SIGNAL_AFTER)


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
