"""The store in one SQLite file: a table of rows, a transaction a commit, on the disk before ``commit`` returns.

The file is held exclusively while it is open, so that two schedulers can never write the same one, and it is only
ever touched once it has shown to be ours and of a layout this program knows.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from scheduler.core.frame import Change, Put, Record
from scheduler.shell.bus import KEPT, Told
from scheduler.store.base import StoreError
from scheduler.store.codec import KINDS, Row, decode, encode

APPLICATION_ID = 0x706F6465  # "pode", in the file's header
LAYOUT = 2  # 1: without events, and with rows in the tree of their keys, where each write of one moves its neighbours
_LOCK_WAIT = 1.0  # a predecessor that is just ending
_PAGES_BETWEEN_CHECKPOINTS = 8192  # 32 MiB: a page that is written often is copied into the file once for many times

_CREATE = """
CREATE TABLE records (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (kind, key)
) STRICT
"""
_REBUILD = (
    "ALTER TABLE records RENAME TO old_records",
    _CREATE,
    "INSERT INTO records SELECT kind, key, version, data FROM old_records",
    "DROP TABLE old_records",
)
# Events lie together as they were committed, a line each: a row for every one would cost more than all else.
_CREATE_EVENTS = "CREATE TABLE events (first INTEGER PRIMARY KEY, lines BLOB NOT NULL) STRICT"
_UPSERT = """
INSERT INTO records (kind, key, version, data) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, data = excluded.data
"""
_DELETE = "DELETE FROM records WHERE kind = ? AND key = ?"
_ADD_EVENTS = "INSERT INTO events (first, lines) VALUES (?, ?)"
_DROP_EVENTS = "DELETE FROM events WHERE first < ?"


class SqliteStore:
    """Records in an SQLite file, which is made if absent, readable by its owner only: environments may hold secrets."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connection = self._connect()
        try:
            with self._telling("open"):
                self._prepare()
        except StoreError:
            self.close()
            raise

    def load(self) -> list[Record]:
        """Every record. Raises StoreError rather than leave one out."""
        with self._telling("read"):
            rows = self._connection.execute("SELECT kind, key, version, data FROM records").fetchall()
        return [decode(Row(*row)) for row in rows]

    def commit(self, changes: Sequence[Change], told: Sequence[Told] = ()) -> None:
        """Make all of the changes and events durable in one transaction, or none of them and raise StoreError."""
        runs = [(sql, [values for _, values in run]) for sql, run in groupby(map(_statement, changes), itemgetter(0))]
        if told:
            runs.append((_ADD_EVENTS, [(told[0].number, b"\n".join(map(_line, told)))]))
            runs.append((_DROP_EVENTS, [(told[-1].number - 2 * KEPT,)]))
        with self._telling("write"), self._transaction():
            for sql, values in runs:
                self._connection.executemany(sql, values)

    def tail(self) -> list[Told]:
        """The last events, oldest first."""
        with self._telling("read"):
            rows = self._connection.execute("SELECT first, lines FROM events ORDER BY first").fetchall()
        return [_told(number, line) for first, lines in rows for number, line in enumerate(lines.split(b"\n"), first)]

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._connection.close()

    # ------------------------------------------------------------------------ opening

    def _connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            return sqlite3.connect(self._path, timeout=_LOCK_WAIT, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot open the store {self._path}: {error}. Give --store a file this user may write"
            ) from error

    def _prepare(self) -> None:
        """Take the lock, look whose file it is, and only then change anything in it."""
        execute = self._connection.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        empty = execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        application = execute("PRAGMA application_id").fetchone()[0]
        layout = execute("PRAGMA user_version").fetchone()[0]
        if application != APPLICATION_ID and not (empty and application == 0):
            raise StoreError(
                f"{self._path} is another program's database; it was not changed. Give --store another file"
            )
        if layout > LAYOUT:
            raise StoreError(
                f"{self._path} was written by a newer podexec (layout {layout}, this one knows {LAYOUT}); it was not "
                "changed. Run that podexec, or give --store another file"
            )
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")
        with self._transaction():  # also takes the write lock, which the exclusive mode then keeps
            if empty:
                execute(_CREATE)
                execute(_CREATE_EVENTS)
                execute(f"PRAGMA application_id = {APPLICATION_ID}")
            elif layout < LAYOUT:
                for statement in (*_REBUILD, _CREATE_EVENTS):
                    execute(statement)
            execute(f"PRAGMA user_version = {LAYOUT}")

    # ------------------------------------------------------------------------ helpers

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """SQLite's errors as ours, with the file's name and what to do."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreError(
                    f"cannot {doing} the store {self._path}: another process has it open. "
                    "Stop the other scheduler, or give --store another file"
                ) from error
            raise StoreError(
                f"cannot {doing} the store {self._path}: {error}. "
                "Look at the disk's space and the file's health and owner"
            ) from error


def _statement(change: Change) -> tuple[str, tuple[object, ...]]:
    if isinstance(change, Put):
        row = encode(change.record)
        return _UPSERT, (row.kind, row.key, row.version, row.data)
    return _DELETE, (KINDS[change.kind], change.key)


def _line(event: Told) -> bytes:
    return event.kind.encode() + b" " + event.data


def _told(number: int, line: bytes) -> Told:
    kind, _, data = line.partition(b" ")
    return Told(number, kind.decode(), data)
