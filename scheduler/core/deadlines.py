"""The handlers of expired deadlines."""

from collections.abc import Callable

from scheduler.core.due import Due
from scheduler.core.events import Ticked
from scheduler.core.lifecycle import (
    abandoned,
    arrival,
    backoff,
    inspections,
    kept_volumes,
    kills,
    reconcile,
    statuses,
    unreachable,
)
from scheduler.core.placement import offers, revive
from scheduler.core.rollout import deployments
from scheduler.core.turn import Turn


def _place(turn: Turn, _key: str) -> None:
    offers.place(turn)


def _advance(turn: Turn, pod_id: str) -> None:
    turn.pods[pod_id] = None


def _revive(turn: Turn, _key: str) -> None:
    turn.world.volatile.connection.revive_waits = False
    turn.grow()


_HANDLERS: dict[Due, Callable[[Turn, str], None]] = {
    Due.LAUNCHABLE: backoff.on_elapsed,
    Due.ADVANCE: _advance,
    Due.PLACE: _place,
    Due.DECLINE: offers.on_held,
    Due.REVIVE: _revive,
    Due.LOOKED: revive.on_looked,
    Due.REVIVE_AGAIN: revive.repeat,
    Due.KILL: kills.repeat,
    Due.KILL_ABANDONED: abandoned.repeat,
    Due.EXPIRE: abandoned.expire,
    Due.CONFIRM: statuses.on_launch_unconfirmed,
    Due.BEGIN: statuses.on_executor_not_started,
    Due.GIVE_UP: statuses.on_task_unknown,
    Due.REPLACE: unreachable.on_due,
    Due.RESERVE: kept_volumes.on_overdue,
    Due.DEPLOY: deployments.on_overdue,
    Due.INSPECT: inspections.inspect,
    Due.RECONCILE: reconcile.remaining,
    Due.RECONCILE_ALL: reconcile.everything,
    Due.ARRIVE: arrival.ask_again,
}


def on_ticked(turn: Turn, _event: Ticked) -> None:
    """Handle every deadline that has expired."""
    for due, key in list(turn.world.deadlines.take(turn.now)):
        _HANDLERS[due](turn, key)
