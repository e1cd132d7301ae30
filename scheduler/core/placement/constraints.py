"""Placement constraints: whether one more instance of a pod may be placed on an agent.

The placed instances are those of the pod's current configuration that are reachable, and those matched earlier in the
same round. An instance of an older configuration does not count, so that its successor may take its place.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from scheduler.core.facts.conditions import condition, is_to_be_freed
from scheduler.core.offer import agents
from scheduler.core.world import World
from scheduler.model.definition import Constraint, PodDefinition
from scheduler.model.patterns import matches
from scheduler.model.records import Agent, Condition

_NOT_PLACED = frozenset(
    {
        Condition.SCHEDULED,
        Condition.UNREACHABLE,
        Condition.UNREACHABLE_INACTIVE,
        Condition.UNKNOWN,
        Condition.GONE,
        Condition.GONE_BY_OPERATOR,
        Condition.DROPPED,
    }
)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(slots=True)
class _Spread:
    """The distribution of the placed instances over the values of one field.

    Attributes:
        wanted: the pod's number of instances.
        first: the value of the instance that was placed first.
        offered: the values of the agents of this round.
    """

    wanted: int
    counts: Counter[str] = field(default_factory=Counter)
    placed: int = 0
    first: str | None = None
    offered: frozenset[str] = frozenset()

    def add(self, value: str | None) -> None:
        """Count one more placed instance."""
        if not self.placed:
            self.first = value
        self.placed += 1
        if value is not None:
            self.counts[value] += 1


class ConstraintState:
    """A pod's constraints with the distribution of its placed instances, for one round of offers."""

    def __init__(self, definition: PodDefinition, placed: Iterable[Agent], offered: Iterable[Agent]) -> None:
        """``offered``: the agents of this round."""
        self._constraints = definition.scheduling.placement.constraints
        self._spreads = [_Spread(definition.scaling.instances) for _ in self._constraints]
        if self._constraints:
            choices = list(offered)
            for constraint, spread in self._each():
                found = (agents.field(agent, constraint.field_name) for agent in choices)
                spread.offered = frozenset(value for value in found if value is not None)
            for agent in placed:
                self.add(agent)

    def add(self, agent: Agent) -> None:
        """Count one more instance placed on the agent."""
        for constraint, spread in self._each():
            spread.add(agents.field(agent, constraint.field_name))

    def unfulfilled(self, agent: Agent) -> Iterator[tuple[str, str]]:
        """(constraint, the agent's value) for each constraint that forbids one more instance there."""
        for constraint, spread in self._each():
            value = agents.field(agent, constraint.field_name)
            if not _allows(constraint, value, spread):
                yield _describe(constraint), _shown(constraint, value)

    def _each(self) -> Iterator[tuple[Constraint, _Spread]]:
        return zip(self._constraints, self._spreads, strict=True)


def may_allow_later(definition: PodDefinition) -> bool:
    """Whether constraints that forbid an agent now may allow it once another instance is placed elsewhere."""
    return any(constraint.operator == "GROUP_BY" for constraint in definition.scheduling.placement.constraints)


def placed(world: World, pod_id: str, config_version: str, but: str | None = None) -> Iterator[Agent]:
    """The agents of the instances that count for a configuration's constraints, oldest first, except the one ``but``.

    An instance with volumes counts on the agent that has them, even while it is stopped.
    """
    for instance in world.instances_of(pod_id):
        if instance.id == but or is_to_be_freed(instance):
            continue
        if instance.reservation is not None:
            yield instance.reservation.agent
        elif (
            instance.agent is not None
            and instance.config_version == config_version
            and condition(instance) not in _NOT_PLACED
        ):
            yield instance.agent


def _allows(constraint: Constraint, value: str | None, spread: _Spread) -> bool:
    if value is None:
        return constraint.operator == "UNLIKE"
    return _OPERATORS[constraint.operator](constraint.value or "", value, spread)


def _unique(_wanted: str, value: str, spread: _Spread) -> bool:
    return value not in spread.counts


def _cluster(wanted: str, value: str, spread: _Spread) -> bool:
    return value == wanted if wanted else not spread.placed or value == spread.first


def _max_per(wanted: str, value: str, spread: _Spread) -> bool:
    return spread.counts[value] < int(wanted)


def _like(wanted: str, value: str, _spread: _Spread) -> bool:
    return bool(wanted) and matches(wanted, value) is True


def _unlike(wanted: str, value: str, _spread: _Spread) -> bool:
    return bool(wanted) and matches(wanted, value) is False


def _is(wanted: str, value: str, _spread: _Spread) -> bool:
    return value == (agents.number(float(wanted)) if _NUMBER.fullmatch(wanted) else wanted)


def _group_by(wanted: str, value: str, spread: _Spread) -> bool:
    """Spread over this many values; without a number, over all known values, the least used first."""
    groups = int(wanted or 0)
    count = spread.counts.get(value, 0)
    if groups < 1:
        return count <= min(spread.counts.get(known, 0) for known in spread.offered | spread.counts.keys() | {value})
    if not count:
        return len(spread.counts) < groups
    base, rest = divmod(spread.wanted, groups)
    overshoot = sum(max(0, each - base) for each in spread.counts.values())
    return count < base or (count == base and overshoot < rest)


_OPERATORS: dict[str, Callable[[str, str, _Spread], bool]] = {
    "UNIQUE": _unique,
    "CLUSTER": _cluster,
    "GROUP_BY": _group_by,
    "MAX_PER": _max_per,
    "LIKE": _like,
    "UNLIKE": _unlike,
    "IS": _is,
}


def _shown(constraint: Constraint, value: str | None) -> str:
    """The agent's value, or why it could not be compared."""
    if value is None:
        return f"no {constraint.field_name}"
    if constraint.operator in ("LIKE", "UNLIKE") and matches(constraint.value or "", value) is None:
        return f"{value} (cannot be compared with this regular expression; update the pod with another)"
    return value


def _describe(constraint: Constraint) -> str:
    parts = (constraint.field_name, constraint.operator, constraint.value)
    return " ".join(part for part in parts if part is not None)
