"""The store's two sides: following the log, and committing to it."""

import time
from collections.abc import Callable, Sequence
from uuid import uuid4

import structlog

from scheduler.core.frame import Change, Record
from scheduler.loop.bus import StreamEvent
from scheduler.loop.clock import steady
from scheduler.store.base import StoreError
from scheduler.store.replicated import DeposedError, Entry
from scheduler.store.zookeeper import address, entries
from scheduler.store.zookeeper.appending import append
from scheduler.store.zookeeper.compaction import Compaction
from scheduler.store.zookeeper.compactor import Compactor
from scheduler.store.zookeeper.fence import Fence, Holder, claim, release
from scheduler.store.zookeeper.following import Follower
from scheduler.store.zookeeper.lease import Lease
from scheduler.store.zookeeper.loading import Loaded, load
from scheduler.store.zookeeper.nodes import WRITER
from scheduler.store.zookeeper.preparation import prepare
from scheduler.store.zookeeper.reading import MissingNodeError, damaged, stored_bytes
from scheduler.store.zookeeper.session import PATIENCE, TIMEOUT, Session, UncertainError

_PREDECESSOR = 1.5  # of the session timeout: ticks of the servers delay the end of a session
_log = structlog.get_logger("scheduler.store")


class ZooKeeperStore:
    """Records in ZooKeeper: a follower until ``lead``. One thread at a time uses it, if nothing else is said.

    Attributes:
        session: with the ensemble.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = TIMEOUT,
        patience: float = PATIENCE,
        resumes: bool = False,
        creates: bool = True,
        wait: float | None = None,
    ) -> None:
        """Wait for the ensemble, and make an empty store if there is none. Raises StoreError.

        Args:
            url: ``zk://…``.
            timeout: of the session, in seconds.
            patience: for how many seconds a commit waits for a lost connection.
            resumes: for a scheduler without standbys: writing continues with the next session when one has expired,
                unless another process took over.
            creates: whether an empty store is made; else it is an error that there is none.
            wait: for the ensemble, in seconds; None: as long as it takes.
        """
        self.session = Session(address.parse(url), timeout, patience)
        self._resumes = resumes
        self._found: Loaded | None = None
        self._follower = Follower(self.session)
        self._fence: Fence | None = None
        self._lease: Lease | None = None
        self._compactor: Compactor | None = None
        self._deposed: StoreError | None = None
        self._awaited: Holder | None = None  # the writer that the log was told of
        self._listeners: list[Callable[[StoreError], None]] = []
        try:
            self.session.connect(wait)
            if self.session.address.login is None:
                _log.warning(
                    "the store has no login: everybody who reaches the ZooKeeper servers can read and change it",
                    store=str(self.session.address),
                    advice="--store zk://USER:PASSWORD@HOST:PORT/PATH",
                )
            prepare(self.session, creates=creates)
        except BaseException:
            self.session.close()
            raise

    @classmethod
    def open_alone(cls, url: str, timeout: float = TIMEOUT) -> "ZooKeeperStore":
        """Open it for a scheduler without standbys, to write at once. Raises StoreError.

        The session of the scheduler before, if that one was killed, lasts until its timeout.
        """
        store = cls(url, timeout=timeout, resumes=True)
        try:
            store.load()
            store.lead(_PREDECESSOR * store.session.timeout)
            store.load()
        except BaseException:
            store.close()
            raise
        return store

    # ------------------------------------------------------------------------ reading

    @property
    def position(self) -> int:
        """The number of the last commit that this process has. On any thread."""
        return self._follower.position

    @property
    def epoch(self) -> int | None:
        """The epoch in which it writes; None for a follower. On any thread."""
        return None if self._fence is None else self._fence.epoch

    def load(self) -> list[Record]:
        """Every record. Raises StoreError if one of them cannot be read."""
        return self._loaded().records

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first."""
        return self._loaded().events

    def follow(self, patience: float) -> Sequence[Entry]:
        """The next entries, as soon as there are any; none after so many seconds. Raises StoreError."""
        self._found = None
        return self._follower.follow(patience)

    def _loaded(self) -> Loaded:
        """What ``load`` and ``tail`` return, read again only if anything has changed since."""
        if self._found is None:
            # The writer's own records are not checked again: what it commits is up to the core.
            self._found = load(self.session, checks=self._fence is None)
            self._follower.begin(self._found)
        return self._found

    # ------------------------------------------------------------------------ writing

    def lead(self, patience: float) -> Sequence[Entry]:
        """Become the writer, once the session of the current one has ended. Returns the entries not yet followed."""
        if self._follower.is_new:
            self._loaded()
        missed = self._catch_up()  # before anything is changed: a store that cannot be read keeps its epoch
        deadline = time.monotonic() + patience
        asked = steady()
        while isinstance(found := claim(self.session), Holder):
            self._wait_for(found, deadline)
            asked = steady()
        try:
            missed += self._catch_up()
        except StoreError:
            release(self.session)
            raise
        self._fence, self._deposed = found, None
        self._compactor = Compactor(self.session, found, self._follower)
        self._lease = Lease(self.session, found, self._lost, resumes=self._resumes, now=asked)
        return missed

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Make all changes and events durable with one ``multi``, or none of them and raise StoreError."""
        self._found = None
        fence, lease, compactor = self._fence, self._lease, self._compactor
        if fence is None or lease is None or compactor is None:
            raise self._deposed or StoreError(f"cannot write the store {self.session.address}: it is not open for that")
        self._check_deposed()
        self._check_numbers(events)
        compactor.wait_for_room()
        made = entries.commit_of(self.position + 1, fence.epoch, uuid4().bytes, changes, events)
        try:
            sent, size = append(self.session, fence, made, self._check_deposed)
        except DeposedError as error:
            lease.end(error)
            raise
        lease.renew(sent)
        self._follower.wrote(made)
        compactor.committed(made, size)

    def compact(self) -> tuple[int, int]:
        """Compact the log now, which is otherwise done by and by. Returns the bytes of all nodes before and after.

        Raises StoreError. Only for a writer.
        """
        if self._fence is None:
            raise StoreError(f"cannot compact the store {self.session.address}: it is not open for that")
        before = stored_bytes(self.session)
        try:
            Compaction(self.session, self._fence, self.position, kept=0).run()
        except UncertainError as error:
            raise StoreError(f"cannot compact the store {self.session.address}: {error}; try again") from error
        except MissingNodeError as error:
            raise damaged(self.session, str(error), "it is missing") from error
        return before, stored_bytes(self.session)

    def lease(self) -> float:
        """Until when nobody else can become the writer, in seconds of ``time.monotonic``. On any thread."""
        return 0.0 if self._lease is None else self._lease.until()

    def listen(self, lost: Callable[[StoreError], None]) -> None:
        """Have ``lost`` called when this process stops being the writer other than by ``close``."""
        self._listeners.append(lost)

    def close(self) -> None:
        """End the session, and so the writer's epoch. May be called twice."""
        for each in (self._lease, self._compactor):
            if each is not None:
                each.close()
        self._fence = None
        self.session.close()

    # ------------------------------------------------------------------------ helpers

    def _catch_up(self) -> list[Entry]:
        """All entries after ``position``."""
        position, found = self.position, self._found
        self._found = None
        missed = self._follower.catch_up()
        if self.position == position:
            self._found = found  # it has not become old
        return missed

    def _wait_for(self, writer: Holder, deadline: float) -> None:
        """Return when the writer's session has ended. Raises StoreError at the deadline."""
        if writer != self._awaited:
            _log.info("waiting for the session of another scheduler to end", writer=str(writer))
            self._awaited = writer
        if not self._follower.wait_until_gone(f"{self.session.path}/{WRITER}", deadline):
            raise StoreError(
                f"cannot open the store {self.session.address}: another scheduler has it open ({writer}). Stop that "
                "one, or pass another path with --store"
            )

    def _lost(self, error: StoreError) -> None:
        """On the thread that noticed."""
        self._deposed = error
        for each in self._listeners:
            each(error)

    def _check_deposed(self) -> None:
        """Raise the error that ended this process' time as the writer, if there is one."""
        if self._deposed is not None:
            raise self._deposed

    def _check_numbers(self, events: Sequence[StreamEvent]) -> None:
        """Raise StoreError unless the events follow the last one: a store with a gap would be refused later."""
        expected = self._follower.last_event + 1 if self._follower.last_event else None
        for each in events:
            if expected is not None and each.number != expected:
                raise StoreError(
                    f"cannot write the store {self.session.address}: event {each.number} does not follow the last one, "
                    f"{expected - 1}. Nothing of this was stored"
                )
            expected = each.number + 1
