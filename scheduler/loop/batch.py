"""What one pass of the loop leads to."""

import asyncio
from dataclasses import dataclass, field

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
    stop: Stop | None = None
    seconds: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_durable(self) -> bool:
        """Whether it has nothing to commit."""
        return not self.changes and not self.numbered

    def add(self, frame: Frame) -> None:
        """Add a frame; a later change of a record replaces an earlier one, at the later position."""
        for change in frame.changes:
            key = key_of(change.record) if isinstance(change, Put) else (change.kind, change.key)
            replace(self.changes, key, change)
        for effect in frame.effects:
            self._sort(effect)

    def _sort(self, effect: Effect) -> None:
        match effect:
            case Reply():
                self.replies.append(effect)
            case Log():
                self.notes.append(effect)
            case Publish():
                self.published.append(effect)
            case Acknowledge() | AcknowledgeOperation():
                self.acknowledgements.append(effect)
            case InspectExecutor():
                self.inspections.append(effect)
            case Stop():
                self.stop = self.stop or effect
            case _:
                self.calls.append(effect)


def replace(changes: Changes, key: tuple[type[Record], str], change: Change) -> None:
    """Add a change in place of an earlier one of the same record, at the later position."""
    changes.pop(key, None)
    changes[key] = change
