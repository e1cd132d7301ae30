"""What can be read of a damaged store in ZooKeeper: group by group of a snapshot, commit by commit of the log."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from scheduler.core.frame import Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.store.base import StoreError
from scheduler.store.codec import Row, decode, type_of
from scheduler.store.tools.contents import Contents
from scheduler.store.zookeeper import address, entries, nodes, reading
from scheduler.store.zookeeper.entries import Lines, Manifest, RawRow
from scheduler.store.zookeeper.nodes import LOG, SNAPSHOTS, UnreadableNodeError
from scheduler.store.zookeeper.reading import MissingNodeError
from scheduler.store.zookeeper.session import Session

_T = TypeVar("_T")
_Records = dict[tuple[type[Record], str], Record]


def salvage(url: str, wait: float) -> Contents:
    """Every record that is intact, as of the last commit that changed it and is readable.

    ``wait``: for the servers, in seconds. Raises StoreError if they cannot be reached, or there is no store.
    """
    session = Session(address.parse(url), patience=wait)
    with contextlib.closing(session):
        session.connect(wait)
        if session.get(session.path) is None:
            raise StoreError(f"there is no store {session.address}")
        return _Salvage(session).contents()


class _Salvage:
    """The records so far, in the order of the store."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._problems: list[str] = []
        self._records: _Records = {}
        self._events: list[StreamEvent] = []

    def contents(self) -> Contents:
        """Read everything."""
        base = self._read_snapshot()
        for position in reading.positions(self._session, LOG):
            if position > base:
                with self._noted():
                    self._read_commit(position)
        return Contents(tuple(self._records.values()), tuple(self._events), tuple(self._problems))

    def _read_snapshot(self) -> int:
        """Read the newest snapshot whose list of chunks is readable; returns its position, or -1."""
        for position in reversed(reading.positions(self._session, SNAPSHOTS)):
            found = self._session.get(nodes.snapshot_path(self._session.address, position))
            if found is None or not found[0]:
                continue
            try:
                snapshot = entries.manifest_of(position, found[0])
            except UnreadableNodeError as error:
                self._problems.append(f"{SNAPSHOTS}/{nodes.number_name(position)}: {error}")
                continue
            self._read_groups(snapshot.rows, snapshot, 0, reading.row_group, self._add_rows)
            self._read_groups(snapshot.events, snapshot, sum(snapshot.rows), reading.event_group, self._add_events)
            return position
        return -1

    def _read_groups(
        self,
        groups: tuple[int, ...],
        snapshot: Manifest,
        first: int,
        read: Callable[[Session, Manifest, int, int], _T],
        add: Callable[[_T], None],
    ) -> None:
        for chunks in groups:
            with self._noted():
                add(read(self._session, snapshot, first, chunks))
            first += chunks

    def _add_rows(self, rows: Iterable[RawRow]) -> None:
        for row in rows:
            with self._noted():
                record = decode(Row(*row))
                self._records[key_of(record)] = record

    def _add_events(self, pieces: Iterable[Lines]) -> None:
        for piece in pieces:
            with self._noted():
                some = list(entries.events_of((piece,)))
                if self._events and some[0].number != self._events[-1].number + 1:
                    self._events.clear()  # only the last ones without a gap
                self._events += some

    def _read_commit(self, position: int) -> None:
        found = self._session.get(nodes.entry_path(self._session.address, position))
        if found is None:
            raise MissingNodeError(reading.entry_name(position))
        commit, _ = reading.read_commit(self._session, position, found[0])
        self._add_rows(commit.rows)
        for kind, key in commit.deleted:
            with self._noted():
                self._records.pop((type_of(kind), key), None)
        self._add_events(commit.events)

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """Add an error to the problems, and continue."""
        try:
            yield
        except MissingNodeError as error:
            self._problems.append(f"{error}: it is missing")
        except (StoreError, UnreadableNodeError) as error:
            self._problems.append(str(error).partition(". Nothing was changed")[0])
