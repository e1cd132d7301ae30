"""The interface of all stores: load all records, and commit a batch of changes completely or not at all."""

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.frame import Change, Record
from scheduler.loop.bus import StreamEvent
from scheduler.loop.ports import StoreError

__all__ = ["DAMAGED", "READABLE", "UNWRITABLE", "Store", "StoreError"]

# Advice at the end of a message.
UNWRITABLE = "Pass a file that this user may write with --store"
READABLE = "'podexec store export --readable' saves what can still be read"
DAMAGED = f"if the store is damaged, restore a backup of it; {READABLE}"


class Store(Protocol):
    """Durable records, one for each kind and key. Used by one thread at a time, but not always the same one."""

    def load(self) -> list[Record]:
        """Every record. Raises StoreError if one of them cannot be read."""

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Make all changes and events durable, in order, or none of them and raise StoreError. Deleting a record that
        does not exist is no error.
        """

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first; at least ``bus.KEPT``, if there were that many."""

    def close(self) -> None:
        """Close the store. May be called twice."""
