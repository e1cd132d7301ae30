"""A store that lasts as long as the process: for trying things out, and for tests."""

from collections.abc import Sequence

from scheduler.core.frame import Change, Put, Record, key_of


class MemoryStore:
    """Records in a dictionary; they are frozen, so they can be handed out as they are."""

    def __init__(self) -> None:
        self._records: dict[tuple[type[Record], str], Record] = {}

    def load(self) -> list[Record]:
        """Every record, oldest first."""
        return list(self._records.values())

    def commit(self, changes: Sequence[Change]) -> None:
        """Apply all of the changes."""
        for change in changes:
            if isinstance(change, Put):
                self._records[key_of(change.record)] = change.record
            else:
                self._records.pop((change.kind, change.key), None)

    def close(self) -> None:
        """Nothing is held."""
