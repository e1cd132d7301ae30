"""The story of one instance: the steps that changed it or had an effect for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scheduler.core.effects import Accept, Effect
from scheduler.core.events import Event, StatusesUpdated
from scheduler.core.frame import Frame
from scheduler.core.world import World
from scheduler.recording.briefs import of_change, of_effect, of_event, of_operation, state_of
from scheduler.recording.encoding import Member
from scheduler.recording.player import Played

_BETWEEN = ".instance-"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_instance_id(text: str) -> bool:
    """Whether it is ``POD.instance-UUID``."""
    pod, between, uuid = text.rpartition(_BETWEEN)
    return bool(pod and between and _UUID.fullmatch(uuid))


@dataclass(frozen=True, slots=True)
class Chapter:
    """The consequences of one step for the instance.

    Attributes:
        before, after: its states.
        changes, effects: the members of the frame that concern it.
        lines: a description of each, in one line, after the statuses of it among several.
    """

    before: str
    after: str
    changes: tuple[Member, ...]
    effects: tuple[Member, ...]
    lines: tuple[str, ...]


class Story:
    """Follows an instance through one recording."""

    def __init__(self, instance_id: str) -> None:
        """The UUID of the id is also in those of its tasks, executors and volumes, and in nothing else."""
        self._id = instance_id
        self._mark = instance_id.rpartition(_BETWEEN)[2].encode()
        self._state = state_of(None)

    def begin(self, world: World) -> str | None:
        """A run begins: the state of the instance; None if it does not exist."""
        instance = world.instances.get(self._id)
        self._state = state_of(instance)
        return None if instance is None else self._state

    def chapter(self, played: Played) -> Chapter | None:
        """The consequences of a step for it; None: there are none."""
        before, self._state = self._state, state_of(played.world.instances.get(self._id))
        frame = played.frame or Frame()
        changes = [pair for pair in zip(played.changes, frame.changes, strict=True) if self._concerns(pair[0])]
        effects = [pair for pair in zip(played.effects, frame.effects, strict=True) if self._concerns(pair[0])]
        if not changes and not effects:
            return None
        told = [] if before != self._state else [of_change(change) for _, change in changes]
        return Chapter(
            before,
            self._state,
            tuple(member for member, _ in changes),
            tuple(member for member, _ in effects),
            (*self._heard(played.step.event), *told, *(self._line(effect) for _, effect in effects)),
        )

    def _heard(self, event: Event) -> Iterator[str]:
        """The statuses of the instance, where several are one event."""
        if isinstance(event, StatusesUpdated):
            yield from (of_event(each) for each in event.statuses if self._mark.decode() in each.task_id)

    def _concerns(self, member: Member) -> bool:
        if member.data is not None and self._mark in member.data:
            return True
        return self._mark.decode() in str(member.what.get("key", ""))

    def _line(self, effect: Effect) -> str:
        """An effect, of many launches on one offer only that of the instance."""
        if not isinstance(effect, Accept):
            return of_effect(effect)
        mine = [each for each in effect.operations if self._is_mine(each)]
        rest = len(effect.operations) - len(mine)
        more = [f"and {rest} more operations"] if rest else []
        return " ".join(("Accept", f"offer_id={effect.offer_id}", *map(of_operation, mine), *more))

    def _is_mine(self, operation: object) -> bool:
        return self._mark.decode() in str(operation)
