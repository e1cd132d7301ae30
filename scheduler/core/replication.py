"""The world of a standby: kept up to date with the changes that the leader commits, and made a leader's at a takeover.

A standby decides nothing, so its world has the records and the indexes over them, and no deadlines.
"""

import random
from collections.abc import Iterable

from scheduler.core.due import Deadlines
from scheduler.core.frame import Change, Delete, Put, Record
from scheduler.core.volatile import Arrival, Volatile
from scheduler.core.world import World, order
from scheduler.model.definition import PodDefinition
from scheduler.model.policy.contents import Policy
from scheduler.model.records import Clock, Instance, Pod

_DELETED_LAST: dict[type[Record], int] = {Instance: 0, Pod: 1, PodDefinition: 2}


def apply(world: World, changes: Iterable[Change]) -> None:
    """Apply one commit. Its changes are of different records, and it may delete records that never existed here.

    Whatever their order in the commit, a record is added after those it refers to, and deleted before them.
    """
    puts: list[Record] = []
    deletes: list[Delete] = []
    for change in changes:
        if isinstance(change, Put):
            puts.append(change.record)
        else:
            deletes.append(change)
    for record in sorted(puts, key=order):
        world.put(world.of_today(record))
    for each in sorted(deletes, key=_deleted_late):
        if world.has(each.kind, each.key):
            world.delete(each.kind, each.key)
    world.deadlines = Deadlines()


def take_over(world: World, policy: Policy, seed: int) -> None:
    """Make a standby's world that of a leader that has just started, which has yet to learn what runs.

    Nothing of what follows depends on whether the records were loaded or followed.
    """
    world.random = random.Random(seed)
    world.volatile = Volatile(Arrival(over=not world.instances and world.cluster is None), policy)
    world.deadlines = Deadlines()
    for deployment in world.deployments.values():
        world.set_deadline(deployment)
    for abandoned in world.abandoned.values():
        world.set_deadline(abandoned)


def records_of(world: World) -> list[Record]:
    """All records, as a store would return them."""
    alone = (each for each in (world.framework, world.cluster) if each is not None)
    return [
        *alone,
        Clock(world.skew),
        *world.definitions.values(),
        *world.pods.values(),
        *world.deployments.values(),
        *world.instances.values(),
        *world.abandoned.values(),
    ]


def _deleted_late(change: Delete) -> int:
    return _DELETED_LAST.get(change.kind, 0)
