"""The tables of the file, and the layouts of older releases.

Layout 1 had no events, and stored rows in the tree of their keys, where each write moves other rows. Layout 2 had no
checksums.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain

from scheduler.loop.bus import StreamEvent
from scheduler.store.base import StoreError
from scheduler.store.codec import Row, checksum, checksum_of
from scheduler.store.events import lines_to_events

APPLICATION_ID = 0x706F6465  # "pode", in the file's header
LAYOUT = 3
_FIRST_WITH_EVENTS, _FIRST_WITH_CHECKSUMS = 2, 3

CREATE = (
    """
    CREATE TABLE records (
        kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL, checksum BLOB NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT
    """,
    # The events of one commit share a row, a line each: a row for each event would cost more than everything else.
    "CREATE TABLE events (first INTEGER PRIMARY KEY, lines BLOB NOT NULL, checksum BLOB NOT NULL) STRICT",
)
_UPSERT = """
INSERT INTO records (kind, key, version, data, checksum) VALUES {}
ON CONFLICT (kind, key) DO UPDATE
SET version = excluded.version, data = excluded.data, checksum = excluded.checksum
"""
_ROWS_AT_ONCE = (100, 10, 1)  # few different statements, so that they stay prepared
DELETE = "DELETE FROM records WHERE kind = ? AND key = ?"
ADD_EVENTS = "INSERT INTO events (first, lines, checksum) VALUES (?, ?, ?)"
DROP_EVENTS = "DELETE FROM events WHERE first < ?"


def fits(connection: sqlite3.Connection, layout: int) -> bool:
    """Whether the tables match this layout, whose number in the file's header has no checksum."""
    [has_events], [has_checksums] = (
        connection.execute(f"SELECT count(*) FROM pragma_table_info('{table}') WHERE name = '{column}'").fetchone()
        for table, column in (("events", "lines"), ("records", "checksum"))
    )
    return (bool(has_events), bool(has_checksums)) == (layout >= _FIRST_WITH_EVENTS, layout >= _FIRST_WITH_CHECKSUMS)


def rows(connection: sqlite3.Connection, layout: int = LAYOUT) -> Iterator[Row]:
    """Every record's row. Raises StoreError for one with a wrong checksum."""
    has_checksums = layout >= _FIRST_WITH_CHECKSUMS
    columns = "kind, key, version, data" + (", checksum" if has_checksums else "")
    for kind, key, version, data, *expected in connection.execute(f"SELECT {columns} FROM records"):
        row = Row(kind, key, version, data)
        if has_checksums and [checksum_of(row)] != expected:
            raise StoreError(
                f"the stored {kind} {key!r} is damaged: its checksum is wrong. Nothing was changed. "
                "Restore a backup of the store"
            )
        yield row


def events(connection: sqlite3.Connection, layout: int = LAYOUT) -> Iterator[StreamEvent]:
    """The events, oldest first. Raises StoreError for one that cannot be read."""
    if layout < _FIRST_WITH_EVENTS:
        return
    has_checksums = layout >= _FIRST_WITH_CHECKSUMS
    columns = "first, lines" + (", checksum" if has_checksums else "")
    expected_first: int | None = None
    for first, lines, *expected in connection.execute(f"SELECT {columns} FROM events ORDER BY first"):
        if has_checksums and [checksum(first, lines)] != expected:
            raise damaged_events(first, "their checksum is wrong")
        if expected_first is not None and first != expected_first:
            raise damaged_events(first, f"number {expected_first} was expected")
        decoded = lines_to_events(first, lines)
        if decoded is None:
            raise damaged_events(first, "they are not events")
        yield from decoded
        expected_first = first + len(decoded)


def damaged_events(first: int, why: str) -> StoreError:
    """The error for a damaged row of events, of which the first has this number."""
    return StoreError(
        f"the stored events from number {first} on are damaged: {why}. Nothing was changed. Restore a backup of the "
        "store; if there is none, and nothing else is damaged, run 'DELETE FROM events' in the program sqlite3, which "
        "deletes only the history of the event stream"
    )


def migrate(connection: sqlite3.Connection, layout: int) -> None:
    """Convert an older layout to the current one, in the open transaction; the contents were examined before."""
    records, lines = list(rows(connection, layout)), _event_rows(connection, layout)
    for table in ("records", "events"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in CREATE:
        connection.execute(statement)
    upsert(connection, records)
    connection.executemany(ADD_EVENTS, lines)


def upsert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write rows, many in a statement: after each statement the thread waits for Python's lock again."""
    at = 0
    for count in _ROWS_AT_ONCE:
        statement = _UPSERT.format(",".join(["(?, ?, ?, ?, ?)"] * count))
        while len(rows) - at >= count:
            values = chain.from_iterable(map(_stored, rows[at : at + count]))
            connection.execute(statement, tuple(values))
            at += count


def _stored(row: Row) -> tuple[object, ...]:
    return row.kind, row.key, row.version, row.data, checksum_of(row)


def _event_rows(connection: sqlite3.Connection, layout: int) -> list[tuple[int, bytes, bytes]]:
    if layout < _FIRST_WITH_EVENTS:
        return []
    found = connection.execute("SELECT first, lines FROM events ORDER BY first").fetchall()
    return [(first, lines, checksum(first, lines)) for first, lines in found]
