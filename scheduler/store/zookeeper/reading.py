"""Reads a store's nodes: commits of the log, and snapshots."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from scheduler.loop.bus import KEPT
from scheduler.store.base import READABLE, StoreError
from scheduler.store.zookeeper.entries import Commit, Key, Lines, Manifest, Parts, RawRow, manifest_of, unpack
from scheduler.store.zookeeper.nodes import (
    LOG,
    PARTS,
    SNAPSHOTS,
    UnreadableNodeError,
    chunk_path,
    entry_path,
    number_name,
    number_of,
    part_path,
    snapshot_path,
)
from scheduler.store.zookeeper.session import AT_ONCE, Session

_T = TypeVar("_T")


class MissingNodeError(Exception):
    """A node that should exist does not: it is lost, or has just been compacted. Says which."""


def damaged(session: Session, name: str, why: object) -> StoreError:
    """The error for a node that cannot be read."""
    return StoreError(
        f"the store {session.address} is damaged: {name}: {why}. Nothing was changed. Restore a backup of the store; "
        f"{READABLE}"
    )


def entry_name(position: int) -> str:
    """How an entry of the log is called in errors, and in its checksum."""
    return f"{LOG}/{number_name(position)}"


def chunk_name(position: int, chunk: int) -> str:
    """How a chunk of a snapshot is called in errors; the first one of a group also in the group's checksum."""
    return f"{SNAPSHOTS}/{number_name(position)}/chunk-{chunk}"


def positions(session: Session, folder: str) -> list[int]:
    """The numbers of the nodes in the log or among the snapshots, in order."""
    found = map(number_of, session.children(f"{session.path}/{folder}"))
    return sorted(each for each in found if each is not None)


def read_commit(session: Session, position: int, data: bytes) -> tuple[Commit, int]:
    """The commit in the data of an entry, and its size in bytes.

    Raises StoreError, or MissingNodeError if parts of it do not exist.
    """
    name = entry_name(position)
    try:
        found = unpack(name, data, Commit | Parts)  # type: ignore[arg-type] # mypy takes a union for no type
        if isinstance(found, Parts):
            paths = [part_path(session.address, position, found.claim, part) for part in range(found.count)]
            data = b"".join(_all(session.get_all(paths), f"a part of {name}"))
            found = unpack(name, data, Commit)
        if found.position != position:
            raise UnreadableNodeError(f"it contains the commit {found.position}")
    except UnreadableNodeError as error:
        raise damaged(session, name, error) from error
    return found, len(data)


def commits(session: Session, first: int, last: int) -> Iterator[tuple[Commit, int]]:
    """The commits, and their sizes, from ``first`` to ``last``. Raises as ``read_commit``."""
    for at in range(first, last + 1, AT_ONCE):
        wanted = range(at, min(at + AT_ONCE, last + 1))
        for position, data in zip(
            wanted, session.get_all([entry_path(session.address, each) for each in wanted]), strict=True
        ):
            if data is None:
                raise MissingNodeError(entry_name(position))
            yield read_commit(session, position, data)


def newest_snapshot(session: Session) -> Manifest | None:
    """The newest complete snapshot; None if there is none. Raises StoreError."""
    for position in reversed(positions(session, SNAPSHOTS)):
        found = session.get(snapshot_path(session.address, position))
        if found is None or not found[0]:
            continue  # not complete, or just removed
        name = f"{SNAPSHOTS}/{number_name(position)}"
        try:
            return manifest_of(position, found[0])
        except UnreadableNodeError as error:
            raise damaged(session, name, error) from error
    return None


def rows_of(session: Session, snapshot: Manifest) -> Iterator[RawRow]:
    """The rows of a snapshot. Raises StoreError, or MissingNodeError."""
    first = 0
    for chunks in snapshot.rows:
        yield from row_group(session, snapshot, first, chunks)
        first += chunks


def events_of(session: Session, snapshot: Manifest) -> Iterator[Lines]:
    """The events of a snapshot. Raises StoreError, or MissingNodeError."""
    first = sum(snapshot.rows)
    for chunks in snapshot.events:
        yield from event_group(session, snapshot, first, chunks)
        first += chunks


def row_group(session: Session, snapshot: Manifest, first: int, chunks: int) -> tuple[RawRow, ...]:
    """The rows in so many chunks from ``first`` on. Raises StoreError, or MissingNodeError."""
    return _group(session, snapshot, first, chunks, tuple[RawRow, ...])


def event_group(session: Session, snapshot: Manifest, first: int, chunks: int) -> tuple[Lines, ...]:
    """The events in so many chunks from ``first`` on. Raises StoreError, or MissingNodeError."""
    return _group(session, snapshot, first, chunks, tuple[Lines, ...])


def _group(session: Session, snapshot: Manifest, first: int, chunks: int, wanted: type[_T]) -> _T:
    """The contents of a group, which is in these chunks."""
    name = chunk_name(snapshot.position, first)
    paths = [chunk_path(session.address, snapshot.position, first + each) for each in range(chunks)]
    try:
        return unpack(name, b"".join(_all(session.get_all(paths), name)), wanted)
    except UnreadableNodeError as error:
        raise damaged(session, name, error) from error


def _all(found: Sequence[bytes | None], name: str) -> Iterator[bytes]:
    for each in found:
        if each is None:
            raise MissingNodeError(name)
        yield each


def last_events(pieces: Sequence[Lines]) -> Sequence[Lines]:
    """The pieces with the last events; at least as many as the stream keeps, if there are that many."""
    wanted = KEPT
    for at in range(len(pieces) - 1, -1, -1):
        wanted -= pieces[at][1].count(b"\n") + 1
        if wanted <= 0:
            return pieces[at:]
    return pieces


def stored_bytes(session: Session) -> int:
    """The bytes of data in the log and the snapshots."""
    folders = [f"{session.path}/{each}" for each in (LOG, PARTS, SNAPSHOTS)]
    snapshots = [f"{session.path}/{SNAPSHOTS}/{each}" for each in session.children(f"{session.path}/{SNAPSHOTS}")]
    paths = [f"{folder}/{name}" for folder in [*folders, *snapshots] for name in session.children(folder)]
    return sum(len(each) for each in session.get_all(paths) if each is not None)


class Overlay:
    """What commits changed since a snapshot: the last row of each record, None for a deleted one, and the events."""

    def __init__(self) -> None:
        self.events: list[Lines] = []
        self._rows: dict[Key, RawRow | None] = {}

    def add(self, commit: Commit) -> None:
        """Add the next commit."""
        for row in commit.rows:
            self._rows[row[0], row[1]] = row
        for key in commit.deleted:
            self._rows[key] = None
        self.events += commit.events

    def over(self, rows: Iterator[RawRow]) -> Iterator[RawRow]:
        """All rows: those of the snapshot unless they changed, in their order, and then the others."""
        changed = self._rows
        for row in rows:
            if (row[0], row[1]) not in changed:
                yield row
        yield from (row for row in changed.values() if row is not None)
