"""Examines a store's file before it is used, without changing a byte of it or of its log.

SQLite changes files when it opens them: it writes the contents of a write-ahead log back after a crash, and deletes the
log. So a file without a log is opened as immutable, and of any other one a copy is examined.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import stat
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scheduler.core.frame import Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.store import layouts
from scheduler.store.base import DAMAGED, READABLE, UNWRITABLE, StoreError
from scheduler.store.codec import decode
from scheduler.store.cutoff import commits_cut_off
from scheduler.store.references import check_references
from scheduler.store.row_ids import RowIds

LOCK_WAIT = 1.0  # seconds: the previous scheduler may be just ending
_LOCK_POLL = 0.05
_LOG = "-wal"
_LEFTOVERS = (_LOG, "-journal")
# The bytes that SQLite locks in its files: of waiting writers, of the writer, and of readers.
_LOCKED_FROM, _LOCKED_BYTES = 0x40000000, 2 + 510


@dataclass(frozen=True, slots=True)
class Found:
    """The contents of a file. Everything in it was readable.

    Attributes:
        ids: of the rows; none if the layout is an older one, whose records get other rows.
    """

    layout: int
    ids: RowIds
    records: list[Record]
    events: list[StreamEvent]


def examine(path: Path) -> Found:
    """Read an existing file. Raises StoreError unless it is an intact store that no other process has open."""
    _check_file(path)
    try:
        with _locked(path), _unchanging(path) as connection:
            return _contents(path, connection)
    except (sqlite3.Error, UnicodeError) as error:  # SQLite's message about a damaged file may not be UTF-8
        raise StoreError(
            f"cannot read the store {path}: {error}. Nothing was changed. Check the disk; {DAMAGED}"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot read the store {path}: {error}. {UNWRITABLE}") from error


def check_absent(path: Path) -> None:
    """Raise StoreError if a file is missing, but its log is not."""
    for each in _leftovers(path):
        raise StoreError(
            f"the store {path} is missing, but {each.name}, which belongs to it, exists. Nothing was changed. "
            "Restore a backup of the store; or, to start with an empty one, move that file away"
        )


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error}. {UNWRITABLE}") from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"the store {path} is not a regular file. Pass another one with --store")
    if not found.st_size:
        raise StoreError(_is_empty(path, "is empty"))


def _is_empty(path: Path, how: str) -> str:
    return (
        f"the store {path} {how}, which podexec never leaves behind: its contents are lost. Nothing was changed. "
        "Restore a backup of it. Without one, remove the file to start again: pods that are still running in Mesos are "
        "then unknown to the new framework and must be ended by hand"
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold SQLite's lock of a file, or raise StoreError. It is a lock of the open file description, so that closing
    other descriptors of this process does not release it.
    """
    with path.open("r+b") as file:
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, _LOCKED_FROM, _LOCKED_BYTES, 0)
        deadline = time.monotonic() + LOCK_WAIT
        while True:
            try:
                fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
            except (BlockingIOError, PermissionError):
                if time.monotonic() >= deadline:
                    raise StoreError(is_open_elsewhere("open", path)) from None
                time.sleep(_LOCK_POLL)
            else:
                break
        yield


def is_open_elsewhere(doing: str, path: Path) -> str:
    """The message for a file that is locked."""
    return (
        f"cannot {doing} the store {path}: another process has it open. Stop the other scheduler, or pass another file "
        "with --store"
    )


@contextlib.contextmanager
def _unchanging(path: Path) -> Iterator[sqlite3.Connection]:
    leftovers = _leftovers(path)
    if not leftovers:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
        ) as connection:
            yield connection
        return
    # Next to the file: there is probably enough space for a copy, and nobody else can read it.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        for each in (path, *leftovers):
            shutil.copyfile(each, Path(folder, each.name))
        with contextlib.closing(sqlite3.connect(Path(folder, path.name), isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            _check_log(path, connection)
            yield connection


def _check_log(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreError if the log has commits that can no longer be read. ``connection``: to the copy."""
    log = path.with_name(f"{path.name}{_LOG}")
    if log not in _leftovers(path):
        return
    [page_size], _, [_, read, _] = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA page_size", "SELECT count(*) FROM sqlite_master", "PRAGMA wal_checkpoint")
    )
    lost = commits_cut_off(log, page_size, max(0, read))
    if lost:
        raise StoreError(
            f"the store {path} is damaged: at least {lost} of the last commits in its log {log.name} cannot be read. "
            "Nothing was changed. Restore a backup of the store and its log"
        )


def _leftovers(path: Path) -> list[Path]:
    """The files that a crash left next to the store, and that SQLite would write back into it."""
    found = [path.with_name(path.name + suffix) for suffix in _LEFTOVERS]
    return [each for each in found if each.exists() and each.stat().st_size]


def _contents(path: Path, connection: sqlite3.Connection) -> Found:
    layout = _layout(path, connection)
    [[verdict], *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        raise StoreError(
            f"the store {path} is damaged: {verdict}. Nothing was changed. Restore a backup of it; {READABLE}"
        )
    ids, records = RowIds(), []
    for row_id, row in layouts.rows(connection, layout):
        record = decode(row)
        # The record's own key, not the row's equal one: it is in memory anyway.
        if row_id is not None and not ids.add(row_id, row.kind, key_of(record)[1]):
            raise layouts.damaged_row(row, "it is there twice")
        records.append(record)
    check_references(records)
    return Found(layout, ids, records, list(layouts.events(connection, layout)))


def _layout(path: Path, connection: sqlite3.Connection) -> int:
    """The layout of the store, which must be known."""
    [application], [layout], [tables] = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if not tables and not application:
        raise StoreError(_is_empty(path, "contains no tables"))
    if application != layouts.APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; it was not changed. Pass another file with --store")
    if layout > layouts.LAYOUT:
        raise StoreError(
            f"{path} was written by a newer podexec (layout {layout}, this one knows {layouts.LAYOUT}); it was not "
            "changed. Run that podexec, or pass another file with --store"
        )
    if layout < 1 or not layouts.fits(connection, layout):
        raise StoreError(
            f"the store {path} is damaged: its tables do not match its layout {layout}. Nothing was changed. "
            "Restore a backup of it"
        )
    return int(layout)
