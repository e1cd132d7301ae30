"""What one pass of the loop leads to."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from scheduler.core.effects import (
    Acknowledge,
    AcknowledgeOperation,
    Effect,
    InspectExecutor,
    Log,
    Publish,
    Reply,
    Stop,
)
from scheduler.core.events import Event
from scheduler.core.frame import Change, Frame, Put, Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.loop.ports import Acknowledgement, MesosCall

Changes = dict[tuple[type[Record], str], Change]


@dataclass(slots=True)
class Batch:
    """The changes and effects of one pass; the effects are sorted by when they may be performed.

    Attributes:
        heard: the events of the pass.
        numbered: the published events with their numbers.
        seconds: how long the loop has worked on it.
        settled: set when the batch is released, and when it never will be.
    """

    heard: list[Event] = field(default_factory=list)
    changes: Changes = field(default_factory=dict)
    calls: list[MesosCall] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    notes: list[Log] = field(default_factory=list)
    published: list[Publish] = field(default_factory=list)
    numbered: tuple[StreamEvent, ...] = ()
    inspections: list[InspectExecutor] = field(default_factory=list)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    seconds: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_durable(self) -> bool:
        """Whether it has nothing to commit."""
        return not self.changes and not self.numbered

    @property
    def stop(self) -> Stop | None:
        """Why the scheduler is to end, if it is."""
        return self.stops[0] if self.stops else None

    def add(self, frame: Frame) -> None:
        """Add a frame; a later change of a record replaces an earlier one, at the later position."""
        for change in frame.changes:
            key = key_of(change.record) if isinstance(change, Put) else (change.kind, change.key)
            replace(self.changes, key, change)
        # A table: to find that an effect is of none of several classes takes longer than all else here (ADR 14).
        lists: dict[type[Effect], list[Any]] = {
            Reply: self.replies,
            Log: self.notes,
            Publish: self.published,
            Acknowledge: self.acknowledgements,
            AcknowledgeOperation: self.acknowledgements,
            InspectExecutor: self.inspections,
            Stop: self.stops,
        }
        for effect in frame.effects:
            lists.get(type(effect), self.calls).append(effect)


def replace(changes: Changes, key: tuple[type[Record], str], change: Change) -> None:
    """Add a change in place of an earlier one of the same record, at the later position."""
    changes.pop(key, None)
    changes[key] = change
