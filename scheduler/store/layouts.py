"""The schema of the file: its tables, and the migration from the layouts of older releases.

Layout 1 had no events, and stored rows in the tree of their keys, where each write moves other rows. Layout 2 had no
checksums. Layout 3 had an index of the keys, and other checksums. The schema of the records in the rows has versions of
its own (``codec``).
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

from scheduler.loop.bus import StreamEvent
from scheduler.store.base import READABLE, StoreError
from scheduler.store.checksums import events_checksum, layout_3_checksum, row_checksum
from scheduler.store.codec import Row
from scheduler.store.events import lines_to_events
from scheduler.store.row_ids import RowIds

APPLICATION_ID = 0x706F6465  # "pode", in the file's header
LAYOUT = 4
_FIRST_WITH_EVENTS, _FIRST_WITH_CHECKSUMS, _FIRST_WITH_IDS = 2, 3, 4

CREATE = (
    """
    CREATE TABLE records (
        id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL,
        checksum INTEGER NOT NULL
    ) STRICT
    """,
    # The events of one commit share a row, a line each: a row for each event would cost more than everything else.
    "CREATE TABLE events (first INTEGER PRIMARY KEY, lines BLOB NOT NULL, checksum INTEGER NOT NULL) STRICT",
)
# Many rows in a statement: after each statement the thread waits for Python's lock again. Few different statements, so
# that they stay prepared.
_UPSERTS = {
    count: f"""
    INSERT INTO records (id, kind, key, version, data, checksum) VALUES {",".join(["(?, ?, ?, ?, ?, ?)"] * count)}
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, data = excluded.data, checksum = excluded.checksum
    """
    for count in (100, 10, 1)
}
DROP_EVENTS = "DELETE FROM events WHERE first < ?"


def fits(connection: sqlite3.Connection, layout: int) -> bool:
    """Whether the tables match this layout, whose number in the file's header has no checksum."""
    return all(
        _has_column(connection, table, column) == (layout >= first)
        for table, column, first in (
            ("events", "lines", _FIRST_WITH_EVENTS),
            ("records", "checksum", _FIRST_WITH_CHECKSUMS),
            ("records", "id", _FIRST_WITH_IDS),
        )
    )


def rows(connection: sqlite3.Connection, layout: int = LAYOUT) -> Iterator[tuple[int | None, Row]]:
    """Every record's row, with its id if the layout has them. Raises StoreError for one with a wrong checksum."""
    for values in connection.execute(select_rows(layout)):
        yield checked_row(layout, values)


def select_rows(layout: int) -> str:
    """The query for all rows of records, whose results ``checked_row`` reads."""
    row_id = "id" if has_ids(layout) else "NULL"
    checksum = "checksum" if layout >= _FIRST_WITH_CHECKSUMS else "NULL"
    return f"SELECT {row_id}, kind, key, version, data, {checksum} FROM records"


def has_ids(layout: int) -> bool:
    """Whether rows of records have ids."""
    return layout >= _FIRST_WITH_IDS


def checked_row(layout: int, values: tuple[Any, ...]) -> tuple[int | None, Row]:
    """A row and its id. Raises StoreError if its checksum is wrong."""
    found, kind, key, version, data, expected = values
    row = Row(kind, key, version, data)
    if not isinstance(data, bytes):
        raise damaged_row(row, "its data are no bytes")
    if expected != _row_checksum(layout, found, row):
        raise damaged_row(row, "its checksum is wrong")
    return found, row


def events(connection: sqlite3.Connection, layout: int = LAYOUT) -> Iterator[StreamEvent]:
    """The events, oldest first. Raises StoreError for one that cannot be read."""
    if not has_events(layout):
        return
    expected_first: int | None = None
    for values in connection.execute(f"{select_events(layout)} ORDER BY first"):
        decoded = checked_events(layout, values)
        if expected_first is not None and values[0] != expected_first:
            raise damaged_events(values[0], f"number {expected_first} was expected")
        yield from decoded
        expected_first = values[0] + len(decoded)


def has_events(layout: int) -> bool:
    """Whether a store of this layout has events."""
    return layout >= _FIRST_WITH_EVENTS


def select_events(layout: int) -> str:
    """The query for all rows of events, whose results ``checked_events`` reads."""
    return f"SELECT first, lines, {'checksum' if layout >= _FIRST_WITH_CHECKSUMS else 'NULL'} FROM events"


def checked_events(layout: int, values: tuple[Any, ...]) -> list[StreamEvent]:
    """The events in a row. Raises StoreError if they cannot be read."""
    first, lines, expected = values
    if isinstance(lines, bytes) and expected != _events_checksum(layout, first, lines):
        raise damaged_events(first, "their checksum is wrong")
    decoded = lines_to_events(first, lines)
    if decoded is None:
        raise damaged_events(first, "they are not events")
    return decoded


def damaged_row(row: Row, why: str) -> StoreError:
    """The error for a damaged row of a record."""
    return StoreError(
        f"the stored {row.kind} {row.key!r} is damaged: {why}. Nothing was changed. Restore a backup of the store; "
        f"{READABLE}"
    )


def damaged_events(first: int, why: str) -> StoreError:
    """The error for a damaged row of events, of which the first has this number."""
    return StoreError(
        f"the stored events from number {first} on are damaged: {why}. Nothing was changed. Restore a backup of the "
        "store; if there is none, and nothing else is damaged, run 'DELETE FROM events' in the program sqlite3, which "
        "deletes only the history of the event stream"
    )


def migrate(connection: sqlite3.Connection, layout: int, ids: RowIds, records: Iterable[Row]) -> None:
    """Migrate an older layout to the current one, in the open transaction. ``records``: all that it has."""
    of_events = connection.execute("SELECT first, lines FROM events").fetchall() if has_events(layout) else []
    for table in ("records", "events"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in CREATE:
        connection.execute(statement)
    upsert(connection, ids, records)
    for first, lines in of_events:
        add_events(connection, first, lines)


def upsert(connection: sqlite3.Connection, ids: RowIds, rows: Iterable[Row]) -> None:
    """Write rows, in the order of the file, so that each of its pages is written once."""
    numbered = sorted(((ids.assign(row.kind, row.key), row) for row in rows), key=itemgetter(0))
    at = 0
    for count, statement in _UPSERTS.items():
        while len(numbered) - at >= count:
            values = chain.from_iterable(_stored(row_id, row) for row_id, row in numbered[at : at + count])
            connection.execute(statement, tuple(values))
            at += count


def delete(connection: sqlite3.Connection, ids: RowIds, keys: Iterable[tuple[str, str]]) -> None:
    """Delete the rows of the records with these kinds and keys, which may have none."""
    found = (ids.find(kind, key) for kind, key in keys)
    connection.executemany("DELETE FROM records WHERE id = ?", [(row_id,) for row_id in found if row_id is not None])


def add_events(connection: sqlite3.Connection, first: int, lines: bytes) -> None:
    """Add events, of which the first has this number."""
    connection.execute(
        "INSERT INTO events (first, lines, checksum) VALUES (?, ?, ?)", (first, lines, events_checksum(first, lines))
    )


def _stored(row_id: int, row: Row) -> tuple[object, ...]:
    return row_id, row.kind, row.key, row.version, row.data, row_checksum(row_id, row)


def _has_column(connection: sqlite3.Connection, table: str, column: str) -> bool:
    query = "SELECT count(*) FROM pragma_table_info(?) WHERE name = ?"
    return bool(connection.execute(query, (table, column)).fetchone()[0])


def _row_checksum(layout: int, row_id: int | None, row: Row) -> object:
    """The checksum that a row of this layout should have; None: the layout has none."""
    if row_id is not None:
        return row_checksum(row_id, row)
    return layout_3_checksum(row.kind, row.key, row.version, row.data) if layout >= _FIRST_WITH_CHECKSUMS else None


def _events_checksum(layout: int, first: int, lines: bytes) -> object:
    if layout >= _FIRST_WITH_IDS:
        return events_checksum(first, lines)
    return layout_3_checksum(first, lines) if layout >= _FIRST_WITH_CHECKSUMS else None
