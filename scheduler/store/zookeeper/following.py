"""Follows the log from a position."""

import threading
import time
from collections.abc import Sequence

from scheduler.store.replicated import BehindError, Entry
from scheduler.store.zookeeper.entries import Commit, Manifest, entry_of
from scheduler.store.zookeeper.loading import Loaded
from scheduler.store.zookeeper.nodes import SNAPSHOTS, UnreadableNodeError, entry_path
from scheduler.store.zookeeper.reading import MissingNodeError, damaged, entry_name, positions, read_commit
from scheduler.store.zookeeper.session import AT_ONCE, LostError, Session


class Follower:
    """A position in the log, which moves with what is read and written.

    Attributes:
        position: the number of the last commit.
        last_event: the number of the last event; 0: there was none.
        snapshot: the one from which it was loaded; ``entries`` and ``bytes`` are those of the log since then.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._claim = b""
        # One for all watches: kazoo keeps each that is set again and again, unless they are equal.
        self._woken = threading.Event()
        self.position = -1
        self.last_event = 0
        self.snapshot: Manifest | None = None
        self.entries = self.bytes = 0

    @property
    def is_new(self) -> bool:
        """Whether nothing was loaded yet."""
        return self.position < 0

    def begin(self, loaded: Loaded) -> None:
        """Begin after what was loaded."""
        self.position, self._claim, self.snapshot = loaded.position, loaded.claim, loaded.snapshot
        self.last_event, self.entries, self.bytes = loaded.last_event, loaded.entries, loaded.bytes

    def wrote(self, commit: Commit) -> None:
        """Move on to a commit that this process made."""
        self._move(commit)

    def _wake(self, _event: object) -> None:
        """On kazoo's thread."""
        self._woken.set()

    def _move(self, commit: Commit) -> None:
        self.position, self._claim = commit.position, commit.claim
        for first, lines in commit.events:
            self.last_event = first + lines.count(b"\n")

    # ------------------------------------------------------------------------ reading

    def follow(self, patience: float) -> Sequence[Entry]:
        """The next entries, as soon as there are any; none after so many seconds."""
        if not self._session.wait(patience):
            return ()
        try:
            return self._next(time.monotonic() + patience)
        except LostError:
            if self._session.is_closed:
                raise
            return ()

    def _next(self, deadline: float) -> Sequence[Entry]:
        while True:
            self._woken.clear()
            if self._session.exists(self._path(self.position + 1), self._wake):
                return self._read()
            self._check_behind()
            if not self._woken.wait(max(0.0, deadline - time.monotonic())):
                return ()

    def catch_up(self) -> list[Entry]:
        """All entries that were written so far."""
        self._session.sync()
        self._check_last()
        found: list[Entry] = []
        while some := self._read():
            found += some
        self._check_behind()
        return found

    def wait_until_gone(self, path: str, deadline: float) -> bool:
        """Whether a node is gone by the deadline."""
        while True:
            self._woken.clear()
            if not self._session.exists(path, self._wake):
                return True
            if not self._woken.wait(max(0.0, deadline - time.monotonic())):
                return False

    def _read(self) -> list[Entry]:
        """The next few entries; none if there are no more."""
        wanted = range(self.position + 1, self.position + 1 + AT_ONCE)
        entries: list[Entry] = []
        for position, data in zip(wanted, self._session.get_all([self._path(each) for each in wanted]), strict=True):
            if data is None:
                break
            entries.append(self._entry(position, data))
        return entries

    def _entry(self, position: int, data: bytes) -> Entry:
        try:
            commit, size = read_commit(self._session, position, data)
            entry = entry_of(commit)
        except MissingNodeError as error:
            raise self._behind() from error  # its parts were removed meanwhile
        except UnreadableNodeError as error:
            raise damaged(self._session, entry_name(position), error) from error
        self._move(commit)
        self.entries += 1
        self.bytes += size
        return entry

    def _check_behind(self) -> None:
        """Raise BehindError if the next entry was written, but does not exist any more."""
        if self._newest_snapshot() > self.position and self._session.get(self._path(self.position + 1)) is None:
            raise self._behind()

    def _newest_snapshot(self) -> int:
        """The position of the newest snapshot, which may not be complete yet; -1: there is none."""
        return max(positions(self._session, SNAPSHOTS), default=-1)

    def _behind(self) -> BehindError:
        return BehindError(
            f"the store {self._session.address} was compacted: its log no longer has the commit {self.position + 1}"
        )

    def _check_last(self) -> None:
        """Raise StoreError if the last entry that this process has is not, or no longer, in the log."""
        found = self._session.get(self._path(self.position))
        if found is None and self._newest_snapshot() > self.position:
            return  # it was compacted
        if found is None:
            raise damaged(self._session, entry_name(self.position), "it was stored, and has been lost since")
        if read_commit(self._session, self.position, found[0])[0].claim != self._claim:
            raise damaged(self._session, entry_name(self.position), "it was stored, and has been replaced since")

    def _path(self, position: int) -> str:
        return entry_path(self._session.address, position)
