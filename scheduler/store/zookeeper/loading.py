"""Loads a store: the newest snapshot and the commits after it, without gaps."""

from dataclasses import dataclass

from scheduler.core.frame import Record
from scheduler.loop.bus import StreamEvent
from scheduler.store.codec import Row, decode
from scheduler.store.references import check_references
from scheduler.store.zookeeper import entries
from scheduler.store.zookeeper.entries import Lines, Manifest
from scheduler.store.zookeeper.nodes import LOG, UnreadableNodeError
from scheduler.store.zookeeper.reading import (
    MissingNodeError,
    Overlay,
    commits,
    damaged,
    entry_name,
    events_of,
    last_events,
    newest_snapshot,
    positions,
    rows_of,
)
from scheduler.store.zookeeper.session import Session

_ATTEMPTS = 5  # the writer may compact the store meanwhile


@dataclass(frozen=True, slots=True)
class Loaded:
    """The contents of a store. Everything in it was readable.

    Attributes:
        position: of the last commit; ``claim`` is its own.
        snapshot: from which it was loaded, if there was one.
        entries: how many the log has since then, and how many ``bytes``.
    """

    position: int
    claim: bytes
    snapshot: Manifest | None
    entries: int
    bytes: int
    records: list[Record]
    events: list[StreamEvent]

    @property
    def last_event(self) -> int:
        """The number of the last event; 0: there is none."""
        return self.events[-1].number if self.events else 0


def load(session: Session, *, checks: bool = True) -> Loaded:
    """Read everything. ``checks``: whether also the references between records. Raises StoreError."""
    session.sync()
    for _ in range(_ATTEMPTS):
        snapshot = newest_snapshot(session)
        try:
            return _load(session, snapshot, checks=checks)
        except MissingNodeError as error:
            missing = str(error)
            if newest_snapshot(session) == snapshot:
                break
    raise damaged(session, missing, "it is missing")


def _load(session: Session, snapshot: Manifest | None, *, checks: bool) -> Loaded:
    base = -1 if snapshot is None else snapshot.position
    found = positions(session, LOG)
    last = found[-1] if found else -1
    if not found or last < base:
        # The entry of a snapshot is kept with it.
        raise MissingNodeError(entry_name(max(0, base)))
    overlay = Overlay()
    claim, size = b"", 0
    for commit, added in commits(session, max(0, base), last):
        claim = commit.claim
        if commit.position > base:
            overlay.add(commit)
            size += added
    records = [decode(Row(*row)) for row in overlay.over(iter(()) if snapshot is None else rows_of(session, snapshot))]
    if checks:
        check_references(records)
    pieces: list[Lines] = [*(() if snapshot is None else events_of(session, snapshot)), *overlay.events]
    try:
        events = list(entries.events_of(last_events(pieces)))
    except UnreadableNodeError as error:
        raise damaged(session, "its events", error) from error
    return Loaded(last, claim, snapshot, last - max(0, base), size, records, events)
