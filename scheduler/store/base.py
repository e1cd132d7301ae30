"""What every store must do: give back all records, and take a batch of changes whole or not at all."""

from collections.abc import Sequence
from typing import Protocol

from scheduler.core.frame import Change, Record
from scheduler.loop.bus import StreamEvent
from scheduler.loop.ports import StoreError

__all__ = ["DAMAGED", "Store", "StoreError"]

DAMAGED = "if the file is damaged, restore a backup of it"  # the way out, at the end of a message


class Store(Protocol):
    """Durable records, one for each kind and key. Used by one thread at a time."""

    def load(self) -> list[Record]:
        """Every record. Raises StoreError rather than leave one out."""

    def commit(self, changes: Sequence[Change], told: Sequence[StreamEvent] = ()) -> None:
        """Make all of the changes and events durable, in order, or none of them and raise StoreError. Deleting what is
        not there is no error.
        """

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first; at least as many as ``bus.KEPT``, if there were."""

    def close(self) -> None:
        """Let go of the store. May be called twice."""
