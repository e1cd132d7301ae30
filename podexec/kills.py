"""How a kill goes: held back while others need the container, a command before its end, SIGTERM, SIGKILL.

Pure: no I/O, no clock, no randomness. Times are seconds on any one clock and come in as arguments.
"""

from __future__ import annotations

import enum
import signal
from typing import Final

from podexec.record import record, replace

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


class Phase(enum.Enum):
    """How far a kill is."""

    HELD = enum.auto()  # containers that depend on this one have to end first
    HOOK = enum.auto()  # the command before the end runs
    TERM = enum.auto()
    KILL = enum.auto()


_SIGNALS: Final = {Phase.TERM: SIGTERM, Phase.KILL: SIGKILL}


@record
class Kill:
    """A kill under way.

    Attributes:
        grace: from its beginning to SIGKILL.
        restart: whether the container is started again afterwards.
        escalate_at: when SIGKILL is due; None while it is held.
        again_at: when the signal of its phase is to be sent (again).
        stop_by: when SIGKILL must have been sent, whatever others need; None: no matter when.
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
    """The end of a held kill: with the command before the end, or a SIGTERM as soon as the container can hear it."""
    grace = max(kill.grace, 0.0)
    if hook and grace:
        begun = replace(kill, phase=Phase.HOOK, escalate_at=now + grace)
    else:
        term_at = max(now, settled) if settled is not None and grace else now
        begun = replace(kill, phase=Phase.TERM, escalate_at=term_at + grace, again_at=term_at)
    return begun if kill.stop_by is None else _escalating_by(begun, max(now, kill.stop_by))


def may_not_wait(kill: Kill, now: float) -> bool:
    """Whether a held kill has to begin now, so that its grace period is over in time."""
    held_until = _held_until(kill)
    return held_until is not None and now >= held_until


def hook_ended(kill: Kill, now: float) -> Kill:
    """The command before the end has ended, one way or another."""
    return replace(kill, phase=Phase.TERM, again_at=now) if kill.phase is Phase.HOOK else kill


def launched_late(kill: Kill, now: float) -> Kill:
    """The container began to run after its kill had begun: what was sent before may have reached nobody."""
    if kill.phase is Phase.KILL:
        return replace(kill, again_at=now)
    term_at = now + SETTLE if kill.grace > 0 else now
    kill = replace(kill, phase=Phase.TERM, again_at=term_at, escalate_at=term_at + kill.grace)
    return kill if kill.stop_by is None else _escalating_by(kill, max(now, kill.stop_by))


def shorten(kill: Kill, grace: float, now: float) -> Kill:
    """A later kill may bring SIGKILL nearer, never push it away."""
    grace = max(grace, 0.0)
    kill = replace(kill, grace=min(kill.grace, grace))
    return kill if kill.phase is Phase.HELD else _escalating_by(kill, _begins(kill, now) + grace)


def take_over(kill: Kill, grace: float | None, now: float) -> Kill:
    """The scheduler asks for a kill that is already under way.

    A container that dies only because of its pod has not been named before: the first word on its grace period
    counts, even a longer one. After that a kill is only shortened.
    """
    first_word = kill.cause is Cause.SIBLING and kill.phase is not Phase.KILL
    kill = replace(kill, restart=False)
    if grace is None:
        return kill
    if not first_word:
        return shorten(kill, grace, now)
    kill = replace(kill, cause=Cause.REQUESTED, detail="", grace=max(grace, 0.0))
    return kill if kill.phase is Phase.HELD else replace(kill, escalate_at=_begins(kill, now) + kill.grace)


def bound(kill: Kill, stop_by: float) -> Kill:
    """All must be over by then."""
    kill = replace(kill, stop_by=stop_by, restart=False)
    return kill if kill.phase is Phase.HELD else _escalating_by(kill, stop_by)


def _begins(kill: Kill, now: float) -> float:
    """From when a grace period counts that is given now: not before the container can hear the SIGTERM."""
    return now if kill.again_at is None else max(now, kill.again_at)


def _escalating_by(kill: Kill, when: float) -> Kill:
    assert kill.escalate_at is not None
    return replace(kill, escalate_at=min(kill.escalate_at, when))


def signal_answered(kill: Kill, sent: int, accepted: bool, now: float) -> Kill:
    """Try again when the agent did not deliver the signal that the kill is at."""
    if sent != _SIGNALS.get(kill.phase) or accepted or kill.again_at is not None:
        return kill
    return replace(kill, again_at=now + RETRY_SIGNAL_AFTER)


def due_signal(kill: Kill, now: float) -> tuple[Kill, int | None]:
    """The signal to send now, if any. Ask again until there is none."""
    if kill.again_at is not None and now >= kill.again_at:
        return replace(kill, again_at=None), _SIGNALS[kill.phase]
    if kill.phase is not Phase.KILL and kill.escalate_at is not None and now >= kill.escalate_at:
        return replace(kill, phase=Phase.KILL, again_at=None), SIGKILL
    return kill, None


def deadline(kill: Kill) -> float | None:
    """When the kill goes on by itself."""
    times = [kill.again_at, _held_until(kill), None if kill.phase is Phase.KILL else kill.escalate_at]
    return min((time for time in times if time is not None), default=None)


def _held_until(kill: Kill) -> float | None:
    return None if kill.phase is not Phase.HELD or kill.stop_by is None else kill.stop_by - kill.grace
