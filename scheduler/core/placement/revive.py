"""Being offered things exactly while an instance could use them: which roles the framework has, and which of them ask.

REVIVE makes the allocator forget every refusal, so further ones while offers already flow keep a minimum interval;
the first after a SUPPRESS goes out at once.
"""

from collections.abc import Iterable

from scheduler.core.due import Due
from scheduler.core.effects import Revive, SetRoles, Suppress
from scheduler.core.turn import Turn
from scheduler.core.world import World


def reconcile_roles(turn: Turn) -> None:
    """Tell the master which roles there are and what is wanted now, where that differs from what it was told."""
    connection = turn.world.volatile.connection
    if not connection.subscribed:
        return
    _tell_roles(turn)
    wanting = roles_wanting_offers(turn.world)
    told = connection.wanting_offers
    if wanting != told:
        connection.wanting_offers = wanting
        roles = frozenset(connection.roles)
        content = (roles if told is None else roles & told) - wanting
        if content:
            turn.emit(Suppress(tuple(sorted(content))))
    newly = wanting if told is None else wanting - told
    if newly:
        _revive(turn, newly)
    if turn.demand_grew and wanting - newly:
        _revive_again(turn, wanting)


def roles_wanting_offers(world: World) -> frozenset[str]:
    """The roles in which some instance could be launched now, or something is to be given back."""
    return frozenset((*world.queues.launchable, *world.queues.freeing.values()))


def _tell_roles(turn: Turn) -> None:
    connection = turn.world.volatile.connection
    roles = turn.world.roles()
    if roles != connection.roles:
        connection.roles = roles
        turn.emit(SetRoles(roles))


def _revive(turn: Turn, roles: Iterable[str]) -> None:
    turn.world.volatile.connection.revived_at = turn.now
    turn.emit(Revive(tuple(sorted(roles))))


def _revive_again(turn: Turn, roles: Iterable[str]) -> None:
    connection = turn.world.volatile.connection
    at = connection.revived_at + turn.world.settings.min_revive_offers_interval
    if at <= turn.now:
        _revive(turn, roles)
    elif not connection.revive_waits:
        connection.revive_waits = True
        turn.world.deadlines.set(at, Due.REVIVE)
