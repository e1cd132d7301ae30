"""The life of a standby: it follows the store's log, takes part in the election, and becomes the store's writer.

Its world is loaded once. From then on it has what the leader commits, so that a takeover loads nothing.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from scheduler.cli.daemon import in_daemon
from scheduler.cli.life import freeze_garbage_collector
from scheduler.cli.standing import Standing
from scheduler.core.replication import apply, records_of
from scheduler.core.settings import Settings
from scheduler.core.world import World
from scheduler.leader import Election
from scheduler.loop.bus import Bus
from scheduler.store.base import READABLE, StoreError
from scheduler.store.references import check_references
from scheduler.store.replicated import Entry
from scheduler.store.zookeeper.session import AT_ONCE, LostError
from scheduler.store.zookeeper.store import ZooKeeperStore

_PATIENCE = 0.25  # seconds of one look at the log, for which an elected standby waits at most
_log = structlog.get_logger("scheduler")


class Following:
    """One session with the store, from its start until this process writes the store, or has to begin again.

    Attributes:
        world: follows the log.
        bus: the tail of the event stream, which follows too.
    """

    def __init__(self, settings: Settings, standing: Standing, own: str) -> None:
        self.world = World(settings, secrets.randbits(64))
        self.bus = Bus()
        self._settings = settings
        self._standing = standing
        self._own = own
        self._store: ZooKeeperStore | None = None
        self._election: Election | None = None
        self._first = threading.Event()  # whether this process is elected
        self._overtaken = asyncio.Event()
        self._ended = False

    async def open(self, open_store: Callable[[], ZooKeeperStore]) -> ZooKeeperStore:
        """Wait for the store, and load it. Raises StoreError."""
        store = await in_daemon("store-open", open_store)
        if self._ended:
            await in_daemon("store-close", store.close)
            raise StoreError("the scheduler is stopping")
        self._store = store
        records, tail = await in_daemon("store-load", lambda: (store.load(), store.tail()))
        self.world = World(self._settings, secrets.randbits(64), records)
        self.bus = Bus(tail)
        del records
        freeze_garbage_collector()
        self._standing.applied(store.position, time.monotonic())
        return store

    def enter_election(self, store: ZooKeeperStore) -> None:
        """Take part in the election from now on."""
        loop = asyncio.get_running_loop()

        def found(schedulers: tuple[str, ...], is_first: bool) -> None:
            if is_first:
                self._first.set()
            else:
                self._first.clear()
            loop.call_soon_threadsafe(self._found, schedulers, is_first)

        self._election = Election(store.session, self._own, found)
        self._election.enter()

    async def until_elected(self, store: ZooKeeperStore) -> None:
        """Follow the log until this process is elected. Raises StoreError."""
        loop = asyncio.get_running_loop()

        async def applied(entries: Sequence[Entry], began: float | None) -> None:
            self._apply(entries, began)

        def deliver(entries: Sequence[Entry], began: float | None) -> None:
            """On the thread: no more is read until this has been applied."""
            asyncio.run_coroutine_threadsafe(applied(entries, began), loop).result()

        await in_daemon("store-follow", lambda: self._follow(store, deliver))

    async def takes_over(self, store: ZooKeeperStore, patience: float) -> bool:
        """Become the store's writer, with everything that is in it. False: that was not possible; the log says why.

        Raises LostError, or StoreError if what was followed is damaged.
        """
        try:
            missed = await in_daemon("store-lead", lambda: store.lead(patience))
        except LostError:
            raise
        except StoreError as error:
            _log.error("elected, but cannot lead yet", error=str(error))
            return False
        self._apply(missed, None)
        check_references(records_of(self.world))
        return True

    async def overtaken(self) -> None:
        """Return when another process is elected although this one leads: somebody has deleted its node."""
        await self._overtaken.wait()

    async def resign(self) -> None:
        """Leave the election, so that another process becomes the leader."""
        if self._election is not None:
            await in_daemon("resign", self._election.resign)

    async def close(self) -> None:
        """End the session, and with it everything that others may wait for."""
        self._ended = True
        self._first.set()  # ends a look at the log
        if self._election is not None:
            await in_daemon("resign", self._election.resign)
        if self._store is not None:
            await in_daemon("store-close", self._store.close)

    # ------------------------------------------------------------------------ helpers

    def _follow(self, store: ZooKeeperStore, deliver: Callable[[Sequence[Entry], float | None], None]) -> None:
        """On a thread: pass the log's entries on until this process is elected, or the session is closed."""
        while not self._first.is_set():
            began = time.monotonic()
            entries = store.follow(_PATIENCE)
            is_current = store.session.is_connected and len(entries) < AT_ONCE
            deliver(entries, began if is_current else None)

    def _found(self, schedulers: tuple[str, ...], is_first: bool) -> None:
        if not self._ended:
            self._standing.found(schedulers)
            if is_first:
                self._overtaken.clear()
            else:
                self._overtaken.set()

    def _apply(self, entries: Sequence[Entry], current_at: float | None) -> None:
        if self._ended:
            return
        for entry in entries:
            try:
                apply(self.world, entry.changes)
            except Exception as error:
                raise StoreError(
                    f"commit {entry.position} in the store does not fit those before it ({error!r}). Nothing was "
                    f"changed. Restore a backup of the store; {READABLE}"
                ) from error
            self.bus.follow_on(entry.events)
        if self._store is not None:
            last = entries[-1].position if entries else self._store.position
            self._standing.applied(last, current_at)
