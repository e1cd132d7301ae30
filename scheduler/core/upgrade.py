"""How many instances to start and which to end, so that the asked number runs the current definition.

Level-triggered: it looks at what is there and may be asked at any time. During an update it keeps to the definition's
``upgrade`` fractions: never fewer ready instances than the one, never more instances than the other allows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.core import ids
from scheduler.core.conditions import condition, ready
from scheduler.core.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.definition import PodDefinition, Upgrade
from scheduler.model.records import Condition, Goal, Instance, Pod


@dataclass(frozen=True, slots=True)
class Counts:
    """A pod's instances.

    Of the current configuration and of older ones, all and those that are ready. ``ending``: older ones that are wanted
    no more but still take their place.
    """

    new: int
    new_ready: int
    old: int
    old_ready: int
    ending: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now.

    Start new instances, end ready old ones, end surplus new ones. Old ones that are not ready always go.
    """

    start: int
    end_old: int
    end_new: int


def plan(wanted: int, policy: Upgrade, counts: Counts) -> Plan:
    """The next move towards ``wanted`` new instances and no old one."""
    end_new = max(0, counts.new - wanted)
    if not counts.old and not counts.ending:
        return Plan(start=max(0, wanted - counts.new), end_old=0, end_new=end_new)
    fewest_ready = math.ceil(_exact(wanted * policy.minimum_health_capacity))
    most = math.floor(_exact(wanted * (1 + policy.maximum_over_capacity)))
    ready = counts.old_ready + counts.new_ready
    if fewest_ready == most <= ready:
        most += 1  # neither number may move: without one instance too many nothing could ever be replaced
    end_old = min(counts.old_ready, max(0, ready - fewest_ready))
    active = counts.new + counts.old + counts.ending
    return Plan(start=max(0, min(wanted - counts.new, most - active)), end_old=end_old, end_new=end_new)


def _exact(instances: float) -> float:
    """Without the last digits of a product of decimal fractions: 50 * 0.14 is 7.000000000000001 in floating point."""
    return round(instances, 6)


def advance(turn: Turn, pod: Pod) -> None:
    """Make the pod's next move."""
    definition = turn.world.current(pod)
    everyone = turn.world.instances_of(pod.id)
    running = [instance for instance in everyone if instance.goal is Goal.RUNNING]
    new = [instance for instance in running if instance.version >= pod.config_version]
    old = [instance for instance in running if instance.version < pod.config_version]
    old_ready = [instance for instance in old if ready(instance, turn.world.definition(pod.id, instance.version))]
    move = plan(
        definition.scaling.instances,
        definition.scheduling.upgrade,
        Counts(
            new=len(new),
            new_ready=sum(ready(instance, turn.world.definition(pod.id, instance.version)) for instance in new),
            old=len(old),
            old_ready=len(old_ready),
            ending=sum(_holds_its_place(instance, pod) for instance in everyone),
        ),
    )
    going = {instance.id for instance in old} - {instance.id for instance in old_ready}
    going |= {instance.id for instance in _choose(old_ready, move.end_old, definition)}
    going |= {instance.id for instance in _choose(new, move.end_new, definition)}
    for instance in running:
        if instance.id in going:
            decommission(turn, instance)
    for _ in range(move.start):
        _create(turn, pod, definition)


def _holds_its_place(instance: Instance, pod: Pod) -> bool:
    """Whether an instance is being replaced and still counts; one out of reach could hold up an update for ever."""
    replaced = instance.goal is Goal.DECOMMISSIONED and instance.version < pod.config_version
    return replaced and condition(instance) is not Condition.UNREACHABLE


_KILL_ORDER = {
    rank: order
    for order, rank in enumerate(
        (Condition.SCHEDULED, Condition.UNREACHABLE, Condition.PROVISIONED, Condition.STAGING, Condition.STARTING)
    )
}


def _choose(instances: Sequence[Instance], count: int, definition: PodDefinition) -> Sequence[Instance]:
    """Those to end first: the ones that do the least, then by the definition's killSelection."""
    sign = -1 if definition.scheduling.kill_selection == "YOUNGEST_FIRST" else 1

    def key(instance: Instance) -> tuple[int, float]:
        least = min((_KILL_ORDER.get(task.condition, len(_KILL_ORDER)) for task in instance.tasks), default=0)
        return least, sign * instance.created_at

    return sorted(instances, key=key)[:count]


def _create(turn: Turn, pod: Pod, definition: PodDefinition) -> None:
    turn.put(
        Instance(
            id=ids.instance_id(pod.id, turn.world.new_uuid()),
            pod_id=pod.id,
            version=pod.version,
            goal=Goal.RUNNING,
            incarnation=0,
            created_at=turn.now,
            since=turn.now,
            role=definition.role or turn.world.settings.role,
        )
    )
    turn.demand_grew = True
