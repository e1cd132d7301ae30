"""What is in a store's file, found out without changing a byte of it or of what lies beside it.

SQLite changes files by opening them: it writes back what a crash left in the write-ahead log, and deletes that. So a
file beside which nothing lies is read as one that cannot change, and of any other a copy is looked at.
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

from scheduler.core.frame import Record
from scheduler.loop.bus import StreamEvent
from scheduler.store import layouts
from scheduler.store.base import DAMAGED, StoreError
from scheduler.store.codec import decode
from scheduler.store.cutoff import commits_cut_off
from scheduler.store.references import check_references

LOCK_WAIT = 1.0  # seconds: a predecessor that is just ending
_LOCK_POLL = 0.05
_LOG = "-wal"
_BESIDE = (_LOG, "-journal")
# Where SQLite locks its files: the byte of those who wait to write, that of the one who writes, and those of readers.
_LOCKED_FROM, _LOCKED_BYTES = 0x40000000, 2 + 510


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds. Everything in it was understood."""

    layout: int
    records: list[Record]
    events: list[StreamEvent]


def examine(path: Path) -> Found:
    """Read a file that exists. Raises StoreError unless it is a store that is whole and that nobody has open."""
    _check_file(path)
    try:
        with _nobody_has_it(path), _unchanging(path) as connection:
            return _contents(path, connection)
    except (sqlite3.Error, UnicodeError) as error:  # what SQLite says of a damaged file need not be text
        raise StoreError(
            f"cannot read the store {path}: {error}. Nothing was changed. Look at the disk's health; {DAMAGED}"
        ) from error
    except OSError as error:
        raise StoreError(f"cannot read the store {path}: {error}. Give --store a file this user may write") from error


def check_absent(path: Path) -> None:
    """Raise StoreError if a file that does not exist has left something behind."""
    for beside in _beside(path):
        raise StoreError(
            f"the store {path} is missing, but {beside.name}, which belongs to it, is there. Nothing was changed. "
            "Restore a backup of the store; or, to begin with an empty one, move that file away"
        )


def _check_file(path: Path) -> None:
    try:
        found = path.stat()
    except OSError as error:
        raise StoreError(f"cannot open the store {path}: {error}. Give --store a file this user may write") from error
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"the store {path} is not a regular file. Give --store another one")
    if not found.st_size:
        raise StoreError(_is_empty(path, "is empty"))


def _is_empty(path: Path, how: str) -> str:
    return (
        f"the store {path} {how}, which no podexec leaves behind: what it held is lost. Nothing was changed. Restore a "
        "backup of it. Without one, remove the file to begin anew: pods that still run in Mesos are then unknown to "
        "the new framework and must be ended by hand"
    )


@contextlib.contextmanager
def _nobody_has_it(path: Path) -> Iterator[None]:
    """Hold the lock of an SQLite file that is to be written, or raise StoreError. The lock is that of the open file, so
    that others of this process's own do not end it.
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
        f"cannot {doing} the store {path}: another process has it open. Stop the other scheduler, or give --store "
        "another file"
    )


@contextlib.contextmanager
def _unchanging(path: Path) -> Iterator[sqlite3.Connection]:
    beside = _beside(path)
    if not beside:
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
        ) as connection:
            yield connection
        return
    # Where there is room for the file there is some for its copy; elsewhere others might read it.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        for each in (path, *beside):
            shutil.copyfile(each, Path(folder, each.name))
        with contextlib.closing(sqlite3.connect(Path(folder, path.name), isolation_level=None)) as connection:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            _check_log(path, connection)
            yield connection


def _check_log(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreError if the log holds commits that cannot be read any more. ``connection``: to the copy."""
    log = path.with_name(f"{path.name}{_LOG}")
    if log not in _beside(path):
        return
    [page_size], _, [_, read, _] = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA page_size", "SELECT count(*) FROM sqlite_master", "PRAGMA wal_checkpoint")
    )
    lost = commits_cut_off(log, page_size, max(0, read))
    if lost:
        raise StoreError(
            f"the store {path} is damaged: of its log {log.name} at least {lost} of the last commits cannot be read. "
            "Nothing was changed. Restore a backup of the store and its log"
        )


def _beside(path: Path) -> list[Path]:
    """What a crash left beside the file and SQLite would write into it."""
    found = [path.with_name(path.name + suffix) for suffix in _BESIDE]
    return [each for each in found if each.exists() and each.stat().st_size]


def _contents(path: Path, connection: sqlite3.Connection) -> Found:
    layout = _layout(path, connection)
    [[verdict], *_] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        raise StoreError(f"the store {path} is damaged: {verdict}. Nothing was changed. Restore a backup of it")
    records = [decode(row) for row in layouts.rows(connection, layout)]
    check_references(records)
    return Found(layout, records, list(layouts.events(connection, layout)))


def _layout(path: Path, connection: sqlite3.Connection) -> int:
    """The layout of a store that this program knows."""
    [application], [layout], [tables] = (
        connection.execute(query).fetchone()
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_master")
    )
    if not tables and not application:
        raise StoreError(_is_empty(path, "holds no tables"))
    if application != layouts.APPLICATION_ID:
        raise StoreError(f"{path} is another program's database; it was not changed. Give --store another file")
    if layout > layouts.LAYOUT:
        raise StoreError(
            f"{path} was written by a newer podexec (layout {layout}, this one knows {layouts.LAYOUT}); it was not "
            "changed. Run that podexec, or give --store another file"
        )
    if layout < 1 or not layouts.fits(connection, layout):
        raise StoreError(
            f"the store {path} is damaged: it does not have layout {layout}, as it says. Nothing was changed. "
            "Restore a backup of it"
        )
    return int(layout)
