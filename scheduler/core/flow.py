"""Asking for offers exactly while an instance could use one.

REVIVE makes the allocator forget every refusal, so further ones while offers already flow keep a minimum interval;
the first after a SUPPRESS goes out at once.
"""

from scheduler.core import backoff
from scheduler.core.effects import Revive, Suppress
from scheduler.core.turn import Turn
from scheduler.core.world import Due, World


def settle(turn: Turn) -> None:
    """Tell the master what is wanted now, if that differs from what it was told."""
    connection = turn.world.connection
    if not connection.subscribed:
        return
    wanting = wants_offers(turn.world, turn.now)
    if wanting != connection.wanting_offers:
        connection.wanting_offers = wanting
        if wanting:
            _revive(turn)
        else:
            turn.ask(Suppress())
    elif wanting and turn.demand_grew:
        _revive_again(turn)


def wants_offers(world: World, now: float) -> bool:
    """Whether some instance could be launched now."""
    return any(backoff.elapsed(world, pod_id, now) for pod_id in world.waiting)


def _revive(turn: Turn) -> None:
    turn.world.connection.revived_at = turn.now
    turn.ask(Revive())


def _revive_again(turn: Turn) -> None:
    connection = turn.world.connection
    at = connection.revived_at + turn.world.settings.min_revive_offers_interval
    if at <= turn.now:
        _revive(turn)
    elif not connection.revive_waits:
        connection.revive_waits = True
        turn.world.at(at, Due.REVIVE)
