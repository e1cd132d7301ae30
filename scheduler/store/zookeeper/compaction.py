"""Writes snapshots, and removes what they make superfluous. Every write checks the epoch.

The new snapshot is made of the last one and of the commits since: a chunk and those commits are in memory at a time,
not all records. A crash leaves an incomplete snapshot, without data in its node, or superfluous nodes; both are
removed by the next compaction.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from kazoo.client import TransactionRequest

from scheduler.store.zookeeper.entries import Lines, Manifest, RawRow, pack
from scheduler.store.zookeeper.fence import Fence, took_over
from scheduler.store.zookeeper.nodes import (
    LOG,
    PARTS,
    SNAPSHOTS,
    chunk_path,
    entry_path,
    in_pieces,
    number_name,
    number_of,
    snapshot_path,
)
from scheduler.store.zookeeper.reading import (
    Overlay,
    chunk_name,
    commits,
    events_of,
    last_events,
    newest_snapshot,
    positions,
    rows_of,
)
from scheduler.store.zookeeper.session import Session

GROUP_BYTES = 480 << 10  # of rows before compression, after which a group ends: so most groups are a single chunk
KEPT_ENTRIES = 256  # of the log before the newest snapshot: for followers that are a little late
_REMOVED_AT_ONCE = 100
_Write = Callable[[TransactionRequest], None]


class Compaction:
    """One compaction, up to a commit that is durable."""

    def __init__(self, session: Session, fence: Fence, position: int, kept: int | None = None) -> None:
        """``kept``: how many entries before ``position`` are kept; None: KEPT_ENTRIES."""
        self._kept = KEPT_ENTRIES if kept is None else kept
        self._session = session
        self._fence = fence
        self._position = position
        self._chunks = 0
        self._bytes = 0

    def run(self) -> Manifest:
        """Write the snapshot and remove older nodes. Raises StoreError, UncertainError or MissingNodeError."""
        last = newest_snapshot(self._session)
        if last is not None and last.position >= self._position:
            self._remove_superfluous(last)
            return last
        self._remove_incomplete(-1 if last is None else last.position)
        overlay = Overlay()
        for commit, _ in commits(self._session, 0 if last is None else last.position + 1, self._position):
            overlay.add(commit)
        made = self._write(
            overlay.over(iter(()) if last is None else rows_of(self._session, last)),
            [*(() if last is None else events_of(self._session, last)), *overlay.events],
        )
        self._remove_superfluous(made)
        return made

    # ------------------------------------------------------------------------ writing

    def _write(self, rows: Iterator[RawRow], events: Sequence[Lines]) -> Manifest:
        path = snapshot_path(self._session.address, self._position)
        self._carry_out([lambda request: request.create(path, b"", self._session.acl)])
        of_rows = tuple(self._write_group(group) for group in _groups(rows, lambda row: len(row[3]) + len(row[1])))
        of_events = tuple(
            self._write_group(group) for group in _groups(last_events(events), lambda piece: len(piece[1]))
        )
        made = Manifest(self._position, of_rows, of_events, self._bytes)
        data = pack(f"{SNAPSHOTS}/{number_name(self._position)}", made)
        self._carry_out([lambda request: request.set_data(path, data)])
        return made

    def _write_group(self, group: Sequence[object]) -> int:
        """Returns the number of chunks."""
        pieces = in_pieces(pack(chunk_name(self._position, self._chunks), group))
        for piece in pieces:
            path = chunk_path(self._session.address, self._position, self._chunks)
            self._carry_out([lambda request: request.create(path, piece, self._session.acl)])  # noqa: B023
            self._chunks += 1
            self._bytes += len(piece)
        return len(pieces)

    # ----------------------------------------------------------------------- removing

    def _remove_incomplete(self, complete: int) -> None:
        """Remove what an interrupted compaction left, after the last complete snapshot."""
        for each in positions(self._session, SNAPSHOTS):
            if each > complete:
                self._remove_snapshot(each)

    def _remove_superfluous(self, snapshot: Manifest) -> None:
        """Remove older snapshots, and what is before this one in the log: oldest first, so that it never has a gap."""
        for each in positions(self._session, SNAPSHOTS):
            if each < snapshot.position:
                self._remove_snapshot(each)
        first_kept = snapshot.position - self._kept
        path = self._session.path
        self._remove(
            entry_path(self._session.address, each) for each in positions(self._session, LOG) if each < first_kept
        )
        # Parts of removed entries, and those of commits that failed.
        parts = sorted(self._session.children(f"{path}/{PARTS}"))
        self._remove(
            f"{path}/{PARTS}/{each}" for each in parts if (number_of(each.partition("-")[0]) or 0) < first_kept
        )

    def _remove_snapshot(self, position: int) -> None:
        path = snapshot_path(self._session.address, position)
        self._remove([*(f"{path}/{each}" for each in self._session.children(path)), path])

    def _remove(self, paths: Iterable[str]) -> None:
        found = list(paths)
        for at in range(0, len(found), _REMOVED_AT_ONCE):
            self._carry_out([_removal(path) for path in found[at : at + _REMOVED_AT_ONCE]])

    def _carry_out(self, writes: Sequence[_Write]) -> None:
        def build(request: TransactionRequest) -> None:
            self._fence.check(request)
            for write in writes:
                write(request)

        errors = self._session.transact(build, time.monotonic() + self._session.patience)
        if self._fence.is_crossed(errors):
            raise took_over(self._session)
        if errors:
            raise self._session.refused("compact", errors[0])


def _removal(path: str) -> _Write:
    return lambda request: request.delete(path)


def _groups(items: Iterable[Lines] | Iterable[RawRow], size: Callable[..., int]) -> Iterator[tuple[object, ...]]:
    """The items, in groups of about the same size."""
    group: list[object] = []
    left = GROUP_BYTES
    for each in items:
        if group and left < size(each):
            yield tuple(group)
            group, left = [], GROUP_BYTES
        group.append(each)
        left -= size(each)
    if group:
        yield tuple(group)
