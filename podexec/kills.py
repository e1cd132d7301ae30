"""The phases of a kill: held while other containers need this one, the ``preStop`` command, SIGTERM, SIGKILL.

Pure: no I/O, no clock, no randomness. Times are seconds on any one clock and come in as arguments.
"""

from __future__ import annotations

import enum
import signal
from typing import Final

from podexec.record import record, replace

DEFAULT_KILL_GRACE: Final = 3.0
RETRY_SIGNAL_AFTER: Final = 1.0
# An agent answers a launch when the container is handed over to its init, which forwards signals only after it has
# started the command. An earlier SIGTERM would be lost, and the grace period with it.
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


class Phase(enum.Enum):
    """Phase of a kill."""

    HELD = enum.auto()  # containers that depend on this one must end first
    HOOK = enum.auto()  # the preStop command runs
    TERM = enum.auto()
    KILL = enum.auto()


_SIGNALS: Final = {Phase.TERM: SIGTERM, Phase.KILL: SIGKILL}


@record
class Kill:
    """A kill in progress.

    Attributes:
        grace: seconds from its beginning to SIGKILL.
        restart: whether the container restarts afterwards.
        escalate_at: when SIGKILL is due; None while it is held.
        again_at: when the signal of its phase is to be sent (again).
        stop_by: when SIGKILL must have been sent, whatever other containers need; None without a limit.
    """

    cause: Cause
    detail: str
    grace: float
    restart: bool = False
    phase: Phase = Phase.HELD
    escalate_at: float | None = None
    again_at: float | None = None
    stop_by: float | None = None


def begin(kill: Kill, now: float, settled: float | None = None, hook: bool = False) -> Kill:
    """Begin a held kill: with the ``preStop`` command, or with SIGTERM as soon as the container can receive it."""
    grace = max(kill.grace, 0.0)
    if hook and grace:
        kill = replace(kill, phase=Phase.HOOK, escalate_at=now + grace)
    else:
        term_at = max(now, settled) if settled is not None and grace else now
        kill = replace(kill, phase=Phase.TERM, escalate_at=term_at + grace, again_at=term_at)
    return kill if kill.stop_by is None else _escalating_by(kill, max(now, kill.stop_by))


def must_begin(kill: Kill, now: float) -> bool:
    """Whether a held kill must begin now, so that its grace period ends in time."""
    held_until = _held_until(kill)
    return held_until is not None and now >= held_until


def hook_ended(kill: Kill, now: float) -> Kill:
    """Continue with SIGTERM: the ``preStop`` command has ended, with whatever result."""
    return replace(kill, phase=Phase.TERM, again_at=now) if kill.phase is Phase.HOOK else kill


def launched_late(kill: Kill, now: float) -> Kill:
    """Send the signals again: the container started after its kill began, so earlier ones may have been lost."""
    if kill.phase is Phase.KILL:
        return replace(kill, again_at=now)
    term_at = now + SETTLE if kill.grace > 0 else now
    kill = replace(kill, phase=Phase.TERM, again_at=term_at, escalate_at=term_at + kill.grace)
    return kill if kill.stop_by is None else _escalating_by(kill, max(now, kill.stop_by))


def shorten(kill: Kill, grace: float, now: float) -> Kill:
    """Apply the grace period of a later kill: it may bring SIGKILL forward, never delay it."""
    grace = max(grace, 0.0)
    kill = replace(kill, grace=min(kill.grace, grace))
    return kill if kill.phase is Phase.HELD else _escalating_by(kill, _begins(kill, now) + grace)


def take_over(kill: Kill, grace: float | None, now: float) -> Kill:
    """Apply a KILL of the scheduler to a container that is already being killed.

    If it is being killed only because of its pod, the first grace period that the scheduler names counts, even a
    longer one. After that a kill is only shortened.
    """
    is_first = kill.cause is Cause.SIBLING and kill.phase is not Phase.KILL
    kill = replace(kill, restart=False)
    if grace is None:
        return kill
    if not is_first:
        return shorten(kill, grace, now)
    kill = replace(kill, cause=Cause.REQUESTED, detail="", grace=max(grace, 0.0))
    return kill if kill.phase is Phase.HELD else replace(kill, escalate_at=_begins(kill, now) + kill.grace)


def bound(kill: Kill, stop_by: float) -> Kill:
    """Limit the kill: SIGKILL must be sent by ``stop_by``."""
    kill = replace(kill, stop_by=stop_by, restart=False)
    return kill if kill.phase is Phase.HELD else _escalating_by(kill, stop_by)


def _begins(kill: Kill, now: float) -> float:
    """When a grace period that is given now starts: not before the container can receive SIGTERM."""
    return now if kill.again_at is None else max(now, kill.again_at)


def _escalating_by(kill: Kill, when: float) -> Kill:
    assert kill.escalate_at is not None
    return replace(kill, escalate_at=min(kill.escalate_at, when))


def signal_answered(kill: Kill, sent: int, accepted: bool, now: float) -> Kill:
    """Schedule another attempt if the agent did not deliver the signal of the current phase."""
    if sent != _SIGNALS.get(kill.phase) or accepted or kill.again_at is not None:
        return kill
    return replace(kill, again_at=now + RETRY_SIGNAL_AFTER)


def due_signal(kill: Kill, now: float) -> tuple[Kill, int | None]:
    """The signal to send now, if any. Call it until there is none."""
    if kill.again_at is not None and now >= kill.again_at:
        return replace(kill, again_at=None), _SIGNALS[kill.phase]
    if kill.phase is not Phase.KILL and kill.escalate_at is not None and now >= kill.escalate_at:
        return replace(kill, phase=Phase.KILL, again_at=None), SIGKILL
    return kill, None


def deadline(kill: Kill) -> float | None:
    """When the kill next needs attention."""
    times = [kill.again_at, _held_until(kill), None if kill.phase is Phase.KILL else kill.escalate_at]
    return min((time for time in times if time is not None), default=None)


def _held_until(kill: Kill) -> float | None:
    return None if kill.phase is not Phase.HELD or kill.stop_by is None else kill.stop_by - kill.grace
