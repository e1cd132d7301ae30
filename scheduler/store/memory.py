"""A store that lasts as long as the process: for trying things out, and for tests."""

from collections import deque
from collections.abc import Sequence

from scheduler.core.frame import Change, Put, Record, key_of
from scheduler.loop.bus import KEPT, StreamEvent


class MemoryStore:
    """Records in a dictionary; they are frozen, so they can be handed out as they are."""

    def __init__(self) -> None:
        self._records: dict[tuple[type[Record], str], Record] = {}
        self._told: deque[StreamEvent] = deque(maxlen=KEPT)

    def load(self) -> list[Record]:
        """Every record, oldest first."""
        return list(self._records.values())

    def commit(self, changes: Sequence[Change], told: Sequence[StreamEvent] = ()) -> None:
        """Apply all of the changes, and keep the events."""
        self._told.extend(told)
        for change in changes:
            if isinstance(change, Put):
                self._records[key_of(change.record)] = change.record
            else:
                self._records.pop((change.kind, change.key), None)

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first."""
        return list(self._told)

    def close(self) -> None:
        """Nothing is held."""
