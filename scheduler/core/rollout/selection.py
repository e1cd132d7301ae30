"""Kill selection: which instances of a pod are ended first.

First those that are not ready, in the order of their conditions, then by the definition's ``killSelection``; with a
GROUP_BY constraint, those of the largest groups, so that the remaining ones are spread more evenly.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from scheduler.core.facts.conditions import condition
from scheduler.core.facts.roster import Bucket
from scheduler.core.offer import agents
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Condition, Instance, Pod

# First instances that were never launched, or are ending anyway (None); then Marathon's order.
_LEAST_FIRST = {
    each: order
    for order, each in enumerate(
        (
            Condition.SCHEDULED,
            None,
            Condition.UNREACHABLE,
            Condition.PROVISIONED,
            Condition.STAGING,
            Condition.STARTING,
            Condition.RUNNING,
        )
    )
}


def ready_ones(world: World, pod: Pod, definition: PodDefinition, count: int, *, outdated: bool = False) -> list[str]:
    """The ids of this many ready instances, by the order in which they became ready, without a look at the others."""
    line = world.roster(pod.id).ids(
        pod.config_version, Bucket.READY, outdated=outdated, newest_first=_youngest_first(definition)
    )
    return list(islice(line, count))


def choose(world: World, definition: PodDefinition, ids: Iterable[str], count: int) -> Sequence[Instance]:
    """Choose this many of the instances."""
    if count <= 0:
        return ()
    candidates = _in_order(world, ids, definition)
    fields = [each.field_name for each in definition.scheduling.placement.constraints if each.operator == "GROUP_BY"]
    if fields:
        return _of_largest_groups(candidates, fields, count)
    return candidates[:count]


def _in_order(world: World, ids: Iterable[str], definition: PodDefinition) -> list[Instance]:
    sign = -1 if _youngest_first(definition) else 1

    def key(instance: Instance) -> tuple[bool, int, float, float]:
        is_ready = world.bucket(instance.id) is Bucket.READY
        now = None if instance.killing else condition(instance)
        rank = _LEAST_FIRST.get(now, _LEAST_FIRST[None])
        return is_ready, rank, sign * _active_since(instance), sign * instance.created_at

    return sorted((world.instances[each] for each in ids), key=key)


def _active_since(instance: Instance) -> float:
    return min((task.started_at or task.staged_at for task in instance.tasks), default=instance.created_at)


def _youngest_first(definition: PodDefinition) -> bool:
    return definition.scheduling.kill_selection == "YOUNGEST_FIRST"


def _of_largest_groups(candidates: list[Instance], fields: Sequence[str], count: int) -> list[Instance]:
    """Choose one after the other so that no distribution becomes less even; if that is impossible, the first one."""
    left = list(candidates)
    groups = [Counter(_value(each, field) for each in left if each.agent) for field in fields]
    chosen: list[Instance] = []
    for _ in range(min(count, len(left))):
        largest = [max(group.values(), default=0) for group in groups]
        best = next(
            (
                each
                for each in left
                if each.agent is None
                or all(
                    group[_value(each, field)] == most
                    for field, group, most in zip(fields, groups, largest, strict=True)
                )
            ),
            left[0],
        )
        left.remove(best)
        chosen.append(best)
        if best.agent is not None:
            for field, group in zip(fields, groups, strict=True):
                group[_value(best, field)] -= 1
    return chosen


def _value(instance: Instance, field: str) -> str | None:
    return agents.field(instance.agent, field) if instance.agent is not None else None
