"""A store in memory, which is lost when the process ends: for experiments and tests."""

from collections import deque
from collections.abc import Sequence

from scheduler.core.frame import Change, Put, Record, key_of
from scheduler.loop.bus import KEPT, StreamEvent


class MemoryStore:
    """Records in a dictionary; they are frozen, so no copies are needed."""

    def __init__(self) -> None:
        self._records: dict[tuple[type[Record], str], Record] = {}
        self._events: deque[StreamEvent] = deque(maxlen=KEPT)

    def load(self) -> list[Record]:
        """Every record, oldest first."""
        return list(self._records.values())

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Apply the changes, and keep the events."""
        self._events.extend(events)
        for change in changes:
            if isinstance(change, Put):
                self._records[key_of(change.record)] = change.record
            else:
                self._records.pop((change.kind, change.key), None)

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first."""
        return list(self._events)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
