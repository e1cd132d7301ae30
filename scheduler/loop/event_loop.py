"""The event loop, which owns the world.

It collects the events of the edges into a batch, lets the core step through it, and then always keeps the same order:
commit, act, answer, publish, acknowledge. It decides nothing itself. A failed commit, a ``Stop`` or a fault in the core
ends it with an error; effects are performed only after their commit. The next start continues from the store, and Mesos
repeats everything that was not acknowledged.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from scheduler.core.effects import (
    Acknowledge,
    AcknowledgeOperation,
    Answer,
    Effect,
    InspectExecutor,
    Log,
    Publish,
    Reply,
    Stop,
)
from scheduler.core.events import ClockSet, Disconnected, Event, OfferRescinded, OffersReceived, Ticked
from scheduler.core.frame import Change, Frame, Put, Record, key_of
from scheduler.loop.bus import Bus, StreamEvent
from scheduler.loop.clock import Clock
from scheduler.loop.flood import Flood
from scheduler.loop.ports import (
    Acknowledgement,
    Commits,
    Deadlines,
    Inspections,
    MesosCall,
    MesosCalls,
    Meter,
    StoreError,
)

WorldT = TypeVar("WorldT", bound=Deadlines)

MAX_BATCH = 1000  # events in a pass, and as many requests
_LONGEST_SLEEP = 60.0  # the wall clock may be set, or the machine suspended, while the loop sleeps
_LEVELS = logging.getLevelNamesMapping()


class LoopError(Exception):
    """The loop has ended, or cannot continue; says why."""


@dataclass(slots=True)
class _Batch:
    """The changes and effects of one pass; the effects are sorted by when they may be performed."""

    changes: dict[tuple[type[Record], str], Change] = field(default_factory=dict)
    calls: list[MesosCall] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    notes: list[Log] = field(default_factory=list)
    published: list[Publish] = field(default_factory=list)
    inspections: list[InspectExecutor] = field(default_factory=list)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)
    stop: Stop | None = None

    def add(self, frame: Frame) -> None:
        """Add a frame; a later change of a record replaces an earlier one, at the later position."""
        for change in frame.changes:
            key = key_of(change.record) if isinstance(change, Put) else (change.kind, change.key)
            self.changes.pop(key, None)
            self.changes[key] = change
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


class EventLoop(Generic[WorldT]):
    """Runs ``step`` for every event. Only the methods named ``…_threadsafe`` may be called on other threads."""

    def __init__(
        self,
        world: WorldT,
        step: Callable[[WorldT, Event, float], Frame],
        store: Commits,
        calls: MesosCalls,
        *,
        bus: Bus | None = None,
        meter: Meter | None = None,
        inspector: Inspections | None = None,
        clock: Clock | None = None,
        log: FilteringBoundLogger | None = None,
    ) -> None:
        self._world = world
        self._step = step
        self._store = store
        self._calls = calls
        self.bus = bus if bus is not None else Bus()
        self._meter = meter
        self._inspector = inspector
        self._clock = clock if clock is not None else Clock()
        self._log: FilteringBoundLogger = log if log is not None else structlog.get_logger("scheduler")
        self._inbox: deque[Event] = deque()
        self._asked: deque[Event] = deque()  # requests, which do not wait behind events of Mesos
        self._flood = Flood()  # offers, behind which no other event waits
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count(1)
        self._requests: dict[int, asyncio.Future[Answer]] = {}
        self._stopping = False
        self._failure: BaseException | None = None

    @property
    def waiting(self) -> int:
        """How many events are waiting."""
        return len(self._inbox) + len(self._asked) + len(self._flood)

    # ------------------------------------------------------------------ for the edges

    def submit(self, event: Event) -> None:
        """Submit an event; on the loop's thread."""
        self._inbox.append(event)
        self._wake.set()

    def submit_threadsafe(self, event: Event) -> None:
        """Submit an event; on any thread, also before the loop runs."""
        self.submit_all_threadsafe((event,))

    def submit_all_threadsafe(self, events: Sequence[Event]) -> None:
        """Submit events, waking the loop once; on any thread, also before the loop runs."""
        # In this order: a loop that is just starting looks into the inbox after it has set self._loop.
        self._inbox.extend(events)
        self._wake_threadsafe()

    def fail_threadsafe(self, error: BaseException) -> None:
        """End the loop with this error: an edge cannot continue."""
        self._failure = self._failure or error
        self._wake_threadsafe()

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Submit the event that ``make_event`` returns for a request's number; return the answer once it is durable."""
        if self._stopping or self._failure is not None:
            raise LoopError("the scheduler is stopping; try again when it is back")
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._requests[number] = answer
        try:
            self._asked.append(make_event(number))
            self._wake.set()
            return await answer
        finally:
            self._requests.pop(number, None)

    def stop(self) -> None:
        """Let ``run`` return after the current pass."""
        self._stopping = True
        self._wake.set()

    # ----------------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Run until ``stop``. Raises LoopError when the framework, the store or an edge cannot continue."""
        self._loop = asyncio.get_running_loop()
        try:
            while not self._stopping:
                await self._wait_for_work()
                if self._failure is not None:
                    raise LoopError(f"the connection to Mesos failed: {self._failure!r}") from self._failure
                if not self._stopping:
                    self._pass()
                    await asyncio.sleep(0)  # the API shares this thread
        finally:
            self._stopping = True
            self._loop = None
            self._abandon_requests()

    async def _wait_for_work(self) -> None:
        """Return when there is an event, when a deadline has expired, or when the loop is to end."""
        self._wake.clear()
        if self.waiting or self._stopping or self._failure is not None:
            return
        deadline = self._world.next_deadline()
        pause = _LONGEST_SLEEP if deadline is None else min(deadline - self._clock.now(), _LONGEST_SLEEP)
        if pause > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    def _pass(self) -> None:
        """Step through a batch of events, then commit the changes and perform the effects."""
        started, now = time.perf_counter(), self._clock.now()
        batch = _Batch()
        heard = []
        for event in self._drain(now):
            heard.append(event)
            batch.add(self._step(self._world, event, now))
            if batch.stop is not None:
                break
        published = self.bus.assign_numbers(batch.published)
        if batch.changes or published:
            self._commit(tuple(batch.changes.values()), published)
        self._perform(batch, published)
        self._flood.pass_ended(self._clock.now() - now)
        if self._meter is not None:
            self._meter.pass_ended(heard, batch.calls, batch.replies, batch.published, time.perf_counter() - started)
        if batch.stop is not None:
            raise LoopError(batch.stop.message)

    def _drain(self, now: float) -> Iterable[Event]:
        skew = self._clock.was_set()
        if skew is not None:
            yield ClockSet(skew)
        for _ in range(min(len(self._asked), MAX_BATCH)):
            yield self._asked.popleft()
        for _ in range(min(len(self._inbox), MAX_BATCH)):
            event = self._inbox.popleft()
            if isinstance(event, OffersReceived | OfferRescinded):
                self._flood.add(event)
                continue
            if isinstance(event, Disconnected):
                self._flood.clear()
            yield event
        yield from self._flood.take()
        deadline = self._world.next_deadline()
        if deadline is not None and deadline <= now:
            yield Ticked()

    def _commit(self, changes: tuple[Change, ...], published: tuple[StreamEvent, ...]) -> None:
        """Commit on this thread, not on another: so readers of the world never see changes that are not durable."""
        started = time.perf_counter()
        try:
            self._store.commit(changes, published)
        except StoreError as error:
            self._log.critical("store failed, no effects of this batch were performed", error=str(error))
            raise LoopError(f"the store failed: {error}") from error
        if self._meter is not None:
            self._meter.committed(time.perf_counter() - started)

    def _perform(self, batch: _Batch, published: tuple[StreamEvent, ...]) -> None:
        if batch.calls:
            self._calls.perform_all(batch.calls)
        for reply in batch.replies:
            answer = self._requests.get(reply.request)
            if answer is not None and not answer.done():  # the client may have disconnected
                answer.set_result(reply.answer)
        self.bus.publish(published)
        for note in batch.notes:
            self._log.log(_LEVELS[note.level.upper()], note.text, **dict(note.fields))
        if self._inspector is not None:
            for asked in batch.inspections:
                self._inspector.inspect(asked)
        if batch.acknowledgements:
            self._calls.perform_all(batch.acknowledgements)

    # ------------------------------------------------------------------------ helpers

    def _wake_threadsafe(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed in between
                loop.call_soon_threadsafe(self._wake.set)

    def _abandon_requests(self) -> None:
        for answer in self._requests.values():
            if not answer.done():
                answer.set_exception(LoopError("the scheduler stopped; the request may have been carried out"))
