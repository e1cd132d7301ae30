"""Decides when the log is compacted, and does it on a thread, while commits continue."""

import threading
import time

import structlog

from scheduler.store.base import StoreError
from scheduler.store.zookeeper.compaction import Compaction
from scheduler.store.zookeeper.entries import Commit, Manifest
from scheduler.store.zookeeper.fence import Fence
from scheduler.store.zookeeper.following import Follower
from scheduler.store.zookeeper.reading import MissingNodeError
from scheduler.store.zookeeper.session import Session, UncertainError

# The log is compacted when it has so many entries, or so many bytes: half of the last snapshot's, within these limits,
# so that a large one is written less often.
ENTRIES, BYTES, MOST_BYTES = 4096, 4 << 20, 12 << 20
ROW_BYTES = 64 << 20  # of rows in the log, uncompressed, after which it is, too: a compaction has them in memory
_HARD = 8  # times the most, and commits wait until it is compacted
_RETRY_AFTER = 10.0  # seconds
_log = structlog.get_logger("scheduler.store")


class Compactor:
    """Compacts the log of a store for its writer. Used by the writer's thread."""

    def __init__(self, session: Session, fence: Fence, log: Follower) -> None:
        """``log``: where it stands."""
        self._session = session
        self._fence = fence
        self._snapshot_bytes = 0 if log.snapshot is None else log.snapshot.bytes
        self._entries, self._size = log.entries, log.bytes  # of the log since the snapshot
        self._thread: threading.Thread | None = None
        self._made: Manifest | None = None
        self._closed = False
        self._failure = ""
        self._not_before = 0.0  # when a compaction is tried again after one failed
        self._row_bytes = 0  # since this process writes
        self._behind = (0, 0, 0)  # these three when the running compaction started

    def committed(self, commit: Commit, size: int) -> None:
        """Note a commit, and start a compaction if it is time. ``size``: of its entry."""
        self._entries += 1
        self._size += size
        self._row_bytes += sum(len(row[3]) for row in commit.rows)
        self._collect()
        limit = min(max(BYTES, self._snapshot_bytes // 2), MOST_BYTES)
        is_due = self._entries >= ENTRIES or self._size >= limit or self._row_bytes >= ROW_BYTES
        if is_due and self._thread is None and time.monotonic() >= self._not_before:
            self._behind = (self._entries, self._size, self._row_bytes)
            self._thread = threading.Thread(
                target=self._compact, args=(commit.position,), name="store-compaction", daemon=True
            )
            self._thread.start()

    def wait_for_room(self) -> None:
        """Return when the log may grow further. Raises StoreError if it can no longer be compacted."""
        if self._is_too_long() and self._thread is not None:
            self._thread.join(self._session.patience)
            self._collect()
        if self._is_too_long():
            raise StoreError(
                f"cannot write the store {self._session.address}: its log has {self._entries} entries and "
                f"{self._size >> 20} MiB and cannot be compacted: {self._failure or 'that takes too long'}"
            )

    def _is_too_long(self) -> bool:
        return self._entries >= _HARD * ENTRIES or self._size >= _HARD * MOST_BYTES

    def close(self) -> None:
        """Start no more. A running one ends with the session, wherever it is: that does no harm."""
        self._closed = True

    def _collect(self) -> None:
        """Take the result of a compaction that has ended."""
        if self._thread is None or self._thread.is_alive():
            return
        self._thread = None
        if self._made is not None:
            self._snapshot_bytes = self._made.bytes
            self._entries -= self._behind[0]
            self._size -= self._behind[1]
            self._row_bytes -= self._behind[2]
            self._made = None

    def _compact(self, position: int) -> None:
        started = time.monotonic()
        try:
            self._made = Compaction(self._session, self._fence, position).run()
        except (StoreError, UncertainError, MissingNodeError) as error:
            # The next commit tries again; what ends the scheduler is the commit, if it fails as well.
            if self._closed:
                return
            self._failure, self._not_before = str(error), time.monotonic() + _RETRY_AFTER
            _log.warning("could not compact the store", store=str(self._session.address), error=str(error))
        else:
            _log.debug("compacted the store", seconds=round(time.monotonic() - started, 3), bytes=self._made.bytes)
