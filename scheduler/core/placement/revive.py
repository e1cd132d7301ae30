"""REVIVE and SUPPRESS: asks for offers, per role, only while something can use them.

REVIVE makes the allocator forget all refusals, so further ones while offers already come keep a minimum interval; the
first after a SUPPRESS is sent at once.
"""

from collections.abc import Iterable

from scheduler.core.due import Due
from scheduler.core.effects import Revive, SetRoles, Suppress
from scheduler.core.turn import Turn
from scheduler.core.world import World


def reconcile_roles(turn: Turn) -> None:
    """Send the framework's roles, and those that want offers, to the master if they have changed."""
    connection = turn.world.volatile.connection
    if not connection.subscribed:
        return
    _set_roles(turn)
    wanting = roles_wanting_offers(turn.world)
    before = connection.wanting_offers
    if wanting != before:
        connection.wanting_offers = wanting
        roles = frozenset(connection.roles)
        content = (roles if before is None else roles & before) - wanting
        if content:
            turn.emit(Suppress(tuple(sorted(content))))
    newly = wanting if before is None else wanting - before
    if newly:
        _revive(turn, newly)
    if turn.demand_grew and wanting - newly:
        _revive_again(turn, wanting)


def roles_wanting_offers(world: World) -> frozenset[str]:
    """The roles in which an instance may be launched now, or a reservation is to be released."""
    return frozenset((*world.queues.launchable, *world.queues.freeing.values()))


def _set_roles(turn: Turn) -> None:
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
