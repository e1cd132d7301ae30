"""Commits the batches of passes on a thread of its own, in order, while the loop takes its next passes (ADR 15).

A batch is released - its effects are performed - once it and all earlier ones are durable. Batches that arrive during
a commit share the next one. Meanwhile the world is ahead of the store, so whoever reads it waits with ``durable``.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from structlog.typing import FilteringBoundLogger

from scheduler.loop.batch import Batch, Changes, replace
from scheduler.loop.ports import Commits, Meter, StoreError

MOST_WAITING = 16  # batches, after which the loop takes no more events until one is durable


class LoopError(Exception):
    """The loop has ended, or cannot continue; says why."""


class NotTakenError(LoopError):
    """The loop ends, and has not looked at a request: it may be made again, here or to another scheduler."""


class LeadLostError(LoopError):
    """Another scheduler may lead now, so this one does nothing more."""


class CommitQueue:
    """The batches that are not durable yet. Used on the loop's thread only."""

    def __init__(
        self,
        store: Commits,
        release: Callable[[Batch], None],
        log: FilteringBoundLogger,
        meter: Meter | None = None,
        thread: Executor | None = None,
    ) -> None:
        """``release`` performs the effects of a batch. ``thread`` runs one commit after the other."""
        self._store = store
        self._release = release
        self._log = log
        self._meter = meter
        self._thread = thread or ThreadPoolExecutor(1, "store")
        self._batches: deque[Batch] = deque()  # not released yet
        self._changed = asyncio.Event()
        self._closing = False
        self._lost = False

    def add(self, batch: Batch) -> None:
        """Add the batch of a pass. It is released at once if it has nothing to commit and nothing to wait for."""
        if batch.is_durable and not self._batches:
            self._release(batch)
            return
        self._batches.append(batch)
        self._changed.set()

    def lose(self) -> None:
        """The world holds something that will never be durable: nobody may read it any more."""
        self._lost = True

    def close(self) -> None:
        """Let ``run`` return once everything is released."""
        self._closing = True
        self._changed.set()

    async def room(self) -> None:
        """Return when another batch may be added, or no more are committed."""
        while len(self._batches) >= MOST_WAITING and not self._lost:
            await self._batches[0].settled.wait()

    async def durable(self) -> None:
        """Return when everything that the world holds now is durable. Raises LoopError if it never will be."""
        if self._batches and not self._lost:
            await self._batches[-1].settled.wait()
        if self._lost:
            raise LoopError("the scheduler is stopping; try again when it is back")

    async def run(self) -> None:
        """Commit and release until ``close``. Raises LoopError when a commit fails; nothing is released after it."""
        try:
            while await self._has_batches():
                batches = tuple(self._batches)
                await self._commit(batches)
                for batch in batches:
                    self._release(batch)
                    self._batches.popleft()
                    batch.settled.set()
                    await asyncio.sleep(0)  # the API shares this thread
        except BaseException:
            self.lose()
            raise
        finally:
            self._thread.shutdown()
            for batch in self._batches:
                batch.settled.set()

    async def _has_batches(self) -> bool:
        """Wait for batches; without any, the queue was closed."""
        while not self._batches and not self._closing:
            self._changed.clear()
            await self._changed.wait()
        return bool(self._batches)

    async def _commit(self, batches: Sequence[Batch]) -> None:
        if all(batch.is_durable for batch in batches):
            return
        try:
            seconds = await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batches)
        except StoreError as error:
            self._log.critical("store failed, no effects of this batch were performed", error=str(error))
            raise LoopError(f"the store failed: {error}") from error
        if self._meter is not None:
            self._meter.committed(seconds)

    def _write(self, batches: Sequence[Batch]) -> float:
        """On the thread: make all of them durable at once. Returns the duration in seconds."""
        started = time.perf_counter()
        changes: Changes = {}
        for batch in batches:
            for key, change in batch.changes.items():
                replace(changes, key, change)
        events = tuple(event for batch in batches for event in batch.numbered)
        self._store.commit(tuple(changes.values()), events)
        return time.perf_counter() - started
