"""What happens when a deadline comes."""

from collections.abc import Callable

from scheduler.core import kills, reconcile, statuses
from scheduler.core.events import Ticked
from scheduler.core.turn import Turn
from scheduler.core.world import Due


def _launchable(turn: Turn, _pod_id: str) -> None:
    turn.demand_grew = True


def _revive(turn: Turn, _key: str) -> None:
    turn.world.connection.revive_waits = False
    turn.demand_grew = True


_HANDLERS: dict[Due, Callable[[Turn, str], None]] = {
    Due.LAUNCHABLE: _launchable,
    Due.REVIVE: _revive,
    Due.KILL: kills.repeat,
    Due.CONFIRM: statuses.unheard,
    Due.GIVE_UP: statuses.give_up,
    Due.RECONCILE: reconcile.remaining,
    Due.RECONCILE_ALL: reconcile.everything,
}


def ticked(turn: Turn, _event: Ticked) -> None:
    """Handle every deadline that has come."""
    for due, key in list(turn.world.overdue(turn.now)):
        _HANDLERS[due](turn, key)
