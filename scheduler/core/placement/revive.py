"""REVIVE and SUPPRESS: asks for offers, per role, only while something can use them.

REVIVE makes the allocator forget all refusals, so further ones while offers already come keep a minimum interval; the
first after a SUPPRESS is sent at once. A call may be lost on its way, so one that no offer follows is repeated, with
growing pauses: on a cluster without free resources none may follow for long.
"""

from collections.abc import Iterable

from scheduler.core.due import Due
from scheduler.core.effects import Revive, SetRoles, Suppress
from scheduler.core.events import OffersAsked
from scheduler.core.turn import Turn
from scheduler.core.world import World

LOOK = 1.0  # seconds for which offers are asked for that nothing waits for
_FIRST_DELAY, _LONGEST_DELAY = 30.0, 600.0


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
    """The roles in which an instance may be launched now, a reservation is to be released, or offers are looked at."""
    looking = world.volatile.connection.looking
    return frozenset((*world.queues.launchable, *world.queues.freeing.values(), *looking))


def on_offers_asked(turn: Turn, event: OffersAsked) -> None:
    """Ask for the offers of a role for a moment, if that was not done just before: other frameworks wait for them."""
    connection = turn.world.volatile.connection
    is_soon = turn.now < connection.looked_at + turn.world.settings.min_revive_offers_interval
    if not connection.subscribed or is_soon or event.role not in connection.roles:
        return
    connection.looked_at = turn.now
    connection.looking.add(event.role)
    turn.world.deadlines.set(turn.now + LOOK, Due.LOOKED)


def on_looked(turn: Turn, _key: str) -> None:
    """The offers that were only looked at have come by now, or there are none."""
    turn.world.volatile.connection.looking.clear()


def on_offered(turn: Turn, role: str) -> None:
    """The master makes offers to a role."""
    turn.world.volatile.connection.unanswered.discard(role)


def repeat(turn: Turn, stream: str) -> None:
    """Some time has passed since roles asked for offers: those that got none ask again."""
    connection = turn.world.volatile.connection
    if not connection.subscribed or str(connection.stream) != stream:
        return
    delay, connection.revive_delay = connection.revive_delay, 0.0
    connection.unanswered &= connection.wanting_offers or frozenset()
    if connection.unanswered:
        _expect_offers(turn, min(2 * delay, _LONGEST_DELAY))
        _revive(turn, connection.unanswered)


def _expect_offers(turn: Turn, delay: float) -> None:
    connection = turn.world.volatile.connection
    if not connection.revive_delay:
        connection.revive_delay = delay
        turn.world.deadlines.set(turn.now + delay, Due.REVIVE_AGAIN, str(connection.stream))


def _set_roles(turn: Turn) -> None:
    connection = turn.world.volatile.connection
    roles = turn.world.roles()
    if roles != connection.roles:
        connection.roles = roles
        turn.emit(SetRoles(roles))


def _revive(turn: Turn, roles: Iterable[str]) -> None:
    connection = turn.world.volatile.connection
    connection.revived_at = turn.now
    connection.unanswered.update(roles)
    _expect_offers(turn, _FIRST_DELAY)
    turn.emit(Revive(tuple(sorted(roles))))


def _revive_again(turn: Turn, roles: Iterable[str]) -> None:
    connection = turn.world.volatile.connection
    at = connection.revived_at + turn.world.settings.min_revive_offers_interval
    if at <= turn.now:
        _revive(turn, roles)
    elif not connection.revive_waits:
        connection.revive_waits = True
        turn.world.deadlines.set(at, Due.REVIVE)
