"""What can be read of a damaged SQLite file: row by row, from a copy."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scheduler.core.frame import Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.store import layouts
from scheduler.store.base import StoreError
from scheduler.store.codec import decode
from scheduler.store.tools.contents import Contents

_MOST_PROBLEMS = 1000
_LEAP = 10_000  # rows that are tried one by one behind one that SQLite cannot read


def salvage(path: Path) -> Contents:
    """Every row that is intact. Raises StoreError if SQLite can read nothing."""
    if not path.is_file():
        raise StoreError(f"cannot open the store {path}: it does not exist, or is not a file")
    with tempfile.TemporaryDirectory(prefix="podexec-salvage-") as folder:
        for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal")):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(each, Path(folder, each.name))
        try:
            with contextlib.closing(sqlite3.connect(Path(folder, path.name), isolation_level=None)) as connection:
                return _salvage(connection)
        except sqlite3.Error as error:
            raise StoreError(f"nothing of the store {path} can be read: {error}") from error


def _salvage(connection: sqlite3.Connection) -> Contents:
    [layout] = connection.execute("PRAGMA user_version").fetchone()
    if not 1 <= layout <= layouts.LAYOUT:
        raise StoreError(
            f"nothing of the store can be read: it has layout {layout}, and this podexec knows {layouts.LAYOUT}"
        )
    problems: list[str] = []
    records: dict[tuple[type[Record], str], Record] = {}
    row_id = "id" if layouts.has_ids(layout) else None
    for values in _rows(connection, layouts.select_rows(layout), row_id, problems):
        with _noted(problems):
            record = decode(layouts.checked_row(layout, values)[1])
            records[key_of(record)] = record
    events: list[StreamEvent] = []
    if layouts.has_events(layout):
        for values in _rows(connection, layouts.select_events(layout), "first", problems):
            with _noted(problems):
                some = layouts.checked_events(layout, values)
                if events and some[0].number != events[-1].number + 1:
                    events.clear()  # only the last ones without a gap
                events += some
    return Contents(tuple(records.values()), tuple(events), tuple(problems[:_MOST_PROBLEMS]))


def _rows(
    connection: sqlite3.Connection, query: str, row_id: str | None, problems: list[str]
) -> Iterator[tuple[Any, ...]]:
    """The results of a query for rows, in the order of their ids, without those in damaged pages.

    ``row_id``: the name of their id; None: they have none, and the first damaged page is the end.
    """
    last = -1
    while True:
        ordered = query if row_id is None else f"{query} WHERE {row_id} > {last} ORDER BY {row_id}"
        try:
            for values in connection.execute(ordered):
                yield values
                last = values[0]
        except sqlite3.Error as error:
            if len(problems) < _MOST_PROBLEMS:
                problems.append(f"the rows after number {last} cannot be read: {error}")
            found = None if row_id is None else _next(connection, query, row_id, last)
            if found is None:
                return
            yield found
            last = found[0]
        else:
            return


def _next(connection: sqlite3.Connection, query: str, row_id: str, last: int) -> tuple[Any, ...] | None:
    """The next row that is readable by itself."""
    for each in range(last + 1, last + _LEAP):
        with contextlib.suppress(sqlite3.Error):
            found: tuple[Any, ...] | None = connection.execute(f"{query} WHERE {row_id} = {each}").fetchone()
            if found is not None:
                return found
    return None


@contextlib.contextmanager
def _noted(problems: list[str]) -> Iterator[None]:
    """Add an error to the problems, and continue."""
    try:
        yield
    except StoreError as error:
        problems.append(str(error).partition(". Nothing was changed")[0])
