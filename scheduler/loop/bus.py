"""The event stream: what the core publishes, numbered, and kept for those who come later or fall behind.

Numbers go up by one, also over restarts: who has heard of number n asks for what followed it. Readers have no queue
of their own, only their place in the common tail, so that a slow one costs nothing. One that falls behind the tail
goes on at its oldest event, and sees by the numbers that some are missing.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import orjson

from scheduler.core.effects import Publish
from scheduler.model.times import timestamp

KEPT = 10_000
_AT_ONCE = 100  # what a reader takes of the tail at a time: all that a slow one ever holds


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """An event of the stream.

    Attributes:
        kind: Marathon's ``eventType``.
        data: its JSON.
    """

    number: int
    kind: str
    data: bytes


class Bus:
    """The tail of the stream. Belongs to the one loop."""

    def __init__(self, tail: Iterable[StreamEvent] = (), kept: int = KEPT) -> None:
        self._tail = deque(tail, maxlen=kept)
        self._last = self._tail[-1].number if self._tail else 0
        self._news = asyncio.Event()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nothing more will be told."""
        return self._closed

    @property
    def last(self) -> int:
        """The number of the newest event; 0: there was none."""
        return self._last

    def number(self, published: Sequence[Publish]) -> tuple[StreamEvent, ...]:
        """The events as they will be told once they are durable."""
        times = {at: timestamp(at) for at in {each.at for each in published}}
        return tuple(
            StreamEvent(number, each.kind, _kept(orjson.dumps({**each.content, "timestamp": times[each.at]})))
            for number, each in enumerate(published, self._last + 1)
        )

    def tell(self, events: Sequence[StreamEvent]) -> None:
        """Let readers have events that are durable."""
        if events:
            self._tail.extend(events)
            self._last = events[-1].number
            self._news.set()
            self._news = asyncio.Event()

    def close(self) -> None:
        """Let readers go: nothing more will be told."""
        self._closed = True
        self._news.set()

    async def after(self, number: int, patience: float | None = None) -> Sequence[StreamEvent]:
        """The next events after that number which are still there, as soon as there are any.

        None if none came within ``patience`` seconds, or the bus is closed.
        """
        news = self._news
        if number >= self._last and not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await news.wait()
        missing = min(self._last - number, len(self._tail))
        return [self._tail[index] for index in range(-missing, min(0, _AT_ONCE - missing))]

    async def follow(self, after: int) -> AsyncIterator[StreamEvent]:
        """Every event after that number that is still there, then each as it comes, until the bus is closed."""
        while not self._closed:
            for each in await self.after(after):
                yield each
                after = each.number


def _kept(data: bytes) -> bytes:
    """The same in no more memory than it needs: what orjson gives lies in a buffer of several times its size."""
    return bytes(memoryview(data))
