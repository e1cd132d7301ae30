"""The store in one SQLite file: a table of rows, a transaction a commit, on the disk before ``commit`` returns.

The file is held exclusively while it is open, so that two schedulers can never write the same one. It is made whole or
not at all, and only ever touched once everything in it was read and understood.
"""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from scheduler.core.frame import Change, Put, Record
from scheduler.loop.bus import KEPT, StreamEvent
from scheduler.store import layouts
from scheduler.store.base import StoreError
from scheduler.store.codec import KINDS, checksum, decode, encode
from scheduler.store.events import events_to_lines
from scheduler.store.examination import LOCK_WAIT, Found, check_absent, examine, is_open_elsewhere

_PAGES_BETWEEN_CHECKPOINTS = 8192  # 32 MiB: a page that is written often is copied into the file once for many times


class SqliteStore:
    """Records in an SQLite file, which is made if absent, readable by its owner only: environments may hold secrets."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._make_unless_there()
        # What was read to look whether all is well, until it is asked for or changed.
        self._found: Found | None = examine(self._path)
        self._connection = self._connect()
        try:
            with self._telling("open"):
                self._prepare(self._found.layout)
        except StoreError:
            self.close()
            raise

    def load(self) -> list[Record]:
        """Every record. Raises StoreError rather than leave one out."""
        if self._found is not None:
            return self._found.records
        with self._telling("read"):
            return [decode(row) for row in layouts.rows(self._connection)]

    def commit(self, changes: Sequence[Change], told: Sequence[StreamEvent] = ()) -> None:
        """Make all of the changes and events durable in one transaction, or none of them and raise StoreError."""
        self._found = None
        runs = [(sql, [values for _, values in run]) for sql, run in groupby(map(_statement, changes), itemgetter(0))]
        if told:
            first, lines = told[0].number, events_to_lines(told)
            runs.append((layouts.ADD_EVENTS, [(first, lines, checksum(first, lines))]))
            runs.append((layouts.DROP_EVENTS, [(told[-1].number - 2 * KEPT,)]))
        with self._telling("write"), self._transaction():
            for sql, values in runs:
                self._connection.executemany(sql, values)

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first."""
        if self._found is not None:
            return self._found.events
        with self._telling("read"):
            return list(layouts.events(self._connection))

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._connection.close()

    # ------------------------------------------------------------------------ opening

    def _make_unless_there(self) -> None:
        """Make an empty store, under another name first: a crash leaves none that is not whole."""
        if self._path.exists():
            return
        check_absent(self._path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{self._path.name}-", dir=self._path.parent) as folder:
                made = Path(folder, "new")
                os.close(os.open(made, os.O_RDWR | os.O_CREAT, 0o600))
                with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as connection:
                    _fill(connection)
                _publish(made, self._path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"cannot make the store {self._path}: {error}. Give --store a file this user may write"
            ) from error

    def _connect(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot open the store {self._path}: {error}. Give --store a file this user may write"
            ) from error

    def _prepare(self, layout: int) -> None:
        """Take the lock, and make an older layout today's."""
        execute = self._connection.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA wal_checkpoint(TRUNCATE)")  # no log has the traces of more than one crash
        execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")
        with self._transaction():  # also takes the write lock, which the exclusive mode then keeps
            if layout < layouts.LAYOUT:
                layouts.take_over(self._connection, layout)
            execute(f"PRAGMA user_version = {layouts.LAYOUT}")

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
                raise StoreError(is_open_elsewhere(doing, self._path)) from error
            raise StoreError(
                f"cannot {doing} the store {self._path}: {error}. "
                "Look at the disk's space and the file's health and owner"
            ) from error


def _fill(connection: sqlite3.Connection) -> None:
    """What an empty store holds, on the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")
    for statement in layouts.CREATE:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {layouts.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {layouts.LAYOUT}")
    connection.execute("COMMIT")


def _publish(made: Path, path: Path) -> None:
    """Give a file its name, unless another has it by now."""
    try:
        os.link(made, path)
    except FileExistsError:
        return  # another scheduler was faster: whose it is will show
    except OSError:  # a file system without links
        made.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _statement(change: Change) -> tuple[str, tuple[object, ...]]:
    if isinstance(change, Put):
        return layouts.UPSERT, layouts.stored(encode(change.record))
    return layouts.DELETE, (KINDS[change.kind], change.key)
