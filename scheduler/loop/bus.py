"""The event stream: numbers published events, and keeps the last ones for clients that connect later or fall behind.

Numbers increase by one, also across restarts: a client that has read number n asks for the events after it. Readers
have no queues of their own, only a position in the common tail, so a slow one costs nothing. A reader that falls behind
the tail continues at its oldest event and sees a gap in the numbers.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

import orjson

from scheduler.core.effects import Publish
from scheduler.model.frozen import Frozen
from scheduler.model.times import timestamp

KEPT = 10_000
_AT_ONCE = 100  # events that a reader takes from the tail at a time, which bounds the memory of a slow one


class StreamEvent(Frozen):
    """An event of the stream.

    Attributes:
        kind: Marathon's ``eventType``.
        data: its JSON.
        pods: the pods that it is about, if its JSON does not say. Not stored: empty for events of before a restart.
    """

    number: int
    kind: str
    data: bytes
    pods: tuple[str, ...] = ()


class Bus:
    """The tail of the stream. Only the event loop's thread may use it."""

    def __init__(self, tail: Iterable[StreamEvent] = (), kept: int = KEPT) -> None:
        self._tail = deque(tail, maxlen=kept)
        self._last = self._tail[-1].number if self._tail else 0
        self._assigned = self._last
        self._grown = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether no more events will be published."""
        return self._closed

    @property
    def last(self) -> int:
        """The number of the newest published event; 0: there was none."""
        return self._last

    def assign_numbers(self, published: Sequence[Publish]) -> tuple[StreamEvent, ...]:
        """The events with their numbers, to be published once they are durable."""
        times = {at: timestamp(at) for at in {each.at for each in published}}
        events = tuple(
            StreamEvent(number, each.kind, _compact(_written(each, times[each.at])), each.pods)
            for number, each in enumerate(published, self._assigned + 1)
        )
        self._assigned += len(events)
        return events

    def publish(self, events: Sequence[StreamEvent]) -> None:
        """Make durable events available to readers."""
        if events:
            self._tail.extend(events)
            self._last = events[-1].number
            self._grown.set()
            self._grown = asyncio.Event()

    def follow_on(self, events: Sequence[StreamEvent]) -> None:
        """Continue after events that another scheduler has numbered and made durable."""
        self.publish(events)
        self._assigned = self._last

    def close(self) -> None:
        """End the stream for all readers."""
        self._closed = True
        self._grown.set()

    async def read_after(self, number: int, patience: float | None = None) -> Sequence[StreamEvent]:
        """The next kept events after this number, as soon as there are any.

        None of them if none came within ``patience`` seconds, or the bus is closed.
        """
        grown = self._grown
        if number >= self._last and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await grown.wait()
        missing = min(self._last - number, len(self._tail))
        return [self._tail[index] for index in range(-missing, min(0, _AT_ONCE - missing))]

    async def follow(self, after: int) -> AsyncIterator[StreamEvent]:
        """Every kept event after this number, then each new one, until the bus is closed."""
        while not self._closed:
            for each in await self.read_after(after):
                yield each
                after = each.number


def _compact(data: bytes) -> bytes:
    """The same bytes in no more memory than they need: orjson returns them in a buffer of several times their size."""
    return bytes(memoryview(data))


def _written(event: Publish, timestamp: str) -> bytes:
    """The event in JSON; one that JSON cannot hold says so, as the event loop would otherwise end."""
    try:
        return orjson.dumps({**event.content, "timestamp": timestamp})
    except TypeError as error:
        message = f"this event cannot be written: {error}"
        return orjson.dumps({"eventType": event.kind, "message": message, "timestamp": timestamp})
