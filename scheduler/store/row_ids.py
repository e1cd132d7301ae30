"""Which row of the file has which record."""

from collections import defaultdict


class RowIds:
    """The ids of the rows, by the kind and key of their records.

    They are kept in memory: an index of the keys in the file would be written with each new record (ADR 17).
    """

    def __init__(self) -> None:
        self._ids: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._last = 0

    def add(self, row_id: int, kind: str, key: str) -> bool:
        """Add a row of the file. False if the record already has another one."""
        self._last = max(self._last, row_id)
        return self._ids[kind].setdefault(key, row_id) == row_id

    def assign(self, kind: str, key: str) -> int:
        """The id of the record's row; a new one, higher than all others, if it has none."""
        ids = self._ids[kind]
        found = ids.get(key)
        if found is None:
            self._last += 1
            found = ids[key] = self._last
        return found

    def find(self, kind: str, key: str) -> int | None:
        """The id of the record's row; None if it has none."""
        return self._ids[kind].get(key)

    def forget(self, kind: str, key: str) -> None:
        """Forget a row that was deleted."""
        self._ids[kind].pop(key, None)
