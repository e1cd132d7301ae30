"""The event loop, which owns the world.

It collects the events of the edges into a batch, lets the core step through it, and then always keeps the same order:
commit, act, answer, publish, acknowledge. Commits overlap with later passes (``commits``), but effects are performed
only after their commit, and in order. The loop decides nothing itself. A failed commit, a ``Stop`` or a fault in the
core ends it with an error. The next start continues from the store, and Mesos repeats everything that was not
acknowledged.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Generic, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from scheduler.core.effects import Answer, Log
from scheduler.core.events import (
    ClockSet,
    Disconnected,
    Event,
    OfferRescinded,
    OffersReceived,
    StatusesUpdated,
    StatusUpdated,
    Ticked,
)
from scheduler.core.frame import Frame
from scheduler.loop.batch import Batch
from scheduler.loop.bus import Bus
from scheduler.loop.clock import Clock
from scheduler.loop.commits import CommitQueue, LeadLostError, LoopError, NotTakenError
from scheduler.loop.flood import Flood
from scheduler.loop.ports import Commits, Deadlines, Inspections, Lease, MesosCalls, Meter

__all__ = ["MAX_BATCH", "EventLoop", "LeadLostError", "LoopError", "NotTakenError"]

WorldT = TypeVar("WorldT", bound=Deadlines)

MAX_BATCH = 1000  # events in a pass, and as many requests
_LONGEST_SLEEP = 60.0  # the wall clock may be set, or the machine suspended, while the loop sleeps
_NO_LEASE = "this scheduler no longer leads; try again, so that the one that does can answer"
_LEVELS = logging.getLevelNamesMapping()


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
        thread: Executor | None = None,
        lease: Lease | None = None,
    ) -> None:
        """``thread`` is used instead of a new one for the store, which needs one that runs a commit at a time.

        ``lease``: once it does not hold, nothing is performed or answered, and the loop ends; None: there is only one
        scheduler.
        """
        self._world = world
        self._step = step
        self._calls = calls
        self.bus = bus if bus is not None else Bus()
        self._meter = meter
        self._inspector = inspector
        self._clock = clock if clock is not None else Clock()
        self._log: FilteringBoundLogger = log if log is not None else structlog.get_logger("scheduler")
        self._lease = lease
        self._commits = CommitQueue(store, self._perform, self._log, meter, thread)
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
        """End the loop with this error: an edge cannot continue, or another scheduler may lead."""
        self._failure = self._failure or error
        self._wake_threadsafe()

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Submit the event that ``make_event`` returns for a request's number; return the answer once it is durable.

        Raises LoopError if there is none, and NotTakenError if it is certain that nothing was done.
        """
        if self._stopping or self._failure is not None:
            raise NotTakenError("the scheduler is stopping; try again when it is back")
        if self._lease is not None and not self._lease.holds():
            raise NotTakenError(_NO_LEASE)
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._requests[number] = answer
        try:
            self._asked.append(make_event(number))
            self._wake.set()
            return await answer
        finally:
            self._requests.pop(number, None)

    async def durable(self) -> None:
        """Return when everything that the world holds now is durable. Raises LoopError if it never will be."""
        await self._commits.durable()
        self._require_lease()  # a scheduler that was paused shows nothing of the time before

    def stop(self) -> None:
        """Let ``run`` return after the current pass, once everything is durable and performed."""
        self._stopping = True
        self._wake.set()

    # ----------------------------------------------------------------------- the loop

    async def run(self) -> None:
        """Run until ``stop``. Raises LoopError when the framework, the store or an edge cannot continue."""
        self._loop = asyncio.get_running_loop()
        committing = asyncio.create_task(self._commits.run())
        committing.add_done_callback(lambda _: self._wake.set())
        try:
            while not self._stopping and not committing.done():
                await self._wait_for_work()
                if isinstance(self._failure, LeadLostError):
                    raise self._failure
                if self._failure is not None:
                    raise LoopError(f"the connection to Mesos failed: {self._failure!r}") from self._failure
                if not self._stopping and not committing.done():
                    self._pass()
                    # The API shares this thread. What has arrived meanwhile is queued behind the first pause.
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
        finally:
            self._stopping = True
            self._loop = None
            self._commits.close()
            try:
                await committing
            finally:
                self._abandon_requests()

    async def _wait_for_work(self) -> None:
        """Return when there is an event, when a deadline has expired, or when the loop is to end."""
        self._wake.clear()
        await self._commits.room()
        if self.waiting or self._stopping or self._failure is not None:
            return
        deadline = self._world.next_deadline()
        pause = _LONGEST_SLEEP if deadline is None else min(deadline - self._clock.now(), _LONGEST_SLEEP)
        if pause > 0:
            timer = asyncio.get_running_loop().call_later(pause, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()

    def _pass(self) -> None:
        """Step through a batch of events; its effects are performed once the changes are durable."""
        started, now = time.perf_counter(), self._clock.now()
        batch = Batch()
        try:
            for event in self._drain(now):
                batch.heard.append(event)
                batch.add(self._step(self._world, event, now))
                if batch.stop is not None:
                    break
            batch.numbered = self.bus.assign_numbers(batch.published)
        except BaseException:
            self._commits.lose()
            raise
        batch.seconds = time.perf_counter() - started
        self._flood.pass_ended(self._clock.now() - now)
        self._commits.add(batch)
        if batch.stop is not None:
            raise LoopError(batch.stop.message)

    def _drain(self, now: float) -> Iterable[Event]:
        skew = self._clock.was_set()
        if skew is not None:
            yield ClockSet(skew)
        for _ in range(min(len(self._asked), MAX_BATCH)):
            yield self._asked.popleft()
        statuses: list[StatusUpdated] = []
        for _ in range(min(len(self._inbox), MAX_BATCH)):
            event = self._inbox.popleft()
            if isinstance(event, StatusUpdated):
                statuses.append(event)
                continue
            if isinstance(event, OffersReceived | OfferRescinded):
                self._flood.add(event)
                continue
            if isinstance(event, Disconnected):
                self._flood.clear()
            yield from _together(statuses)
            yield event
        yield from _together(statuses)
        yield from self._flood.take()
        deadline = self._world.next_deadline()
        if deadline is not None and deadline <= now:
            yield Ticked()

    def _perform(self, batch: Batch) -> None:
        self._require_lease()
        started = time.perf_counter()
        if batch.calls:
            self._calls.perform_all(batch.calls)
        for reply in batch.replies:
            answer = self._requests.get(reply.request)
            if answer is not None and not answer.done():  # the client may have disconnected
                answer.set_result(reply.answer)
        self.bus.publish(batch.numbered)
        self._write(batch.notes)
        if self._inspector is not None:
            for asked in batch.inspections:
                self._inspector.inspect(asked)
        if batch.acknowledgements:
            self._calls.perform_all(batch.acknowledgements)
        if self._meter is not None:
            seconds = batch.seconds + time.perf_counter() - started
            self._meter.pass_ended(batch.heard, batch.calls, batch.replies, batch.published, seconds)

    # ------------------------------------------------------------------------ helpers

    def _require_lease(self) -> None:
        if self._lease is not None and not self._lease.holds():
            raise LeadLostError(_NO_LEASE)

    def _write(self, notes: Sequence[Log]) -> None:
        """Write to the log. Most notes are about debugging, and written nowhere."""
        log = self._log.bind() if notes else self._log
        for note in notes:
            level = _LEVELS[note.level.upper()]
            if log.is_enabled_for(level):
                log.log(level, note.text, **dict(note.fields))

    def _wake_threadsafe(self) -> None:
        loop = self._loop
        if loop is not None and not self._wake.is_set():  # else its next pass finds what was submitted before
            with contextlib.suppress(RuntimeError):  # the loop was closed in between
                loop.call_soon_threadsafe(self._wake.set)

    def _abandon_requests(self) -> None:
        untouched = {getattr(event, "request", None) for event in self._asked}
        for number, answer in self._requests.items():
            if not answer.done() and number in untouched:
                answer.set_exception(NotTakenError("the scheduler stopped before it took the request; make it again"))
            elif not answer.done():
                answer.set_exception(LoopError("the scheduler stopped; the request may have been carried out"))


def _together(statuses: list[StatusUpdated]) -> Iterator[Event]:
    """The collected statuses as one event, if there are any; the list is empty afterwards."""
    if statuses:
        yield statuses[0] if len(statuses) == 1 else StatusesUpdated(tuple(statuses))
        statuses.clear()
