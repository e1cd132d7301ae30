"""The store in an SQLite file. Each commit is a transaction, which is on the disk before ``commit`` returns.

The file is locked exclusively while it is open, so that two schedulers can never write to it. It is created completely
or not at all, and changed only after everything in it was read successfully.
"""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from scheduler.core.frame import Change, Put, Record
from scheduler.loop.bus import KEPT, StreamEvent
from scheduler.store import layouts
from scheduler.store.base import UNWRITABLE, StoreError
from scheduler.store.codec import KINDS, Row, decode, encode
from scheduler.store.events import events_to_lines
from scheduler.store.examination import LOCK_WAIT, Found, check_absent, examine, is_open_elsewhere

_PAGES_BETWEEN_CHECKPOINTS = 8192  # 32 MiB: a page that is written often is copied into the file only now and then


class SqliteStore:
    """Records in an SQLite file. A new one is readable only by its owner, because environments may contain secrets."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._create_if_missing()
        # The contents found by the examination, until the first commit.
        self._found: Found | None = examine(self._path)
        self._ids = self._found.ids
        self._connection = self._connect()
        try:
            with self._translated_errors("open"):
                self._prepare(self._found)
        except StoreError:
            self.close()
            raise

    def load(self) -> list[Record]:
        """Every record. Raises StoreError if one of them cannot be read."""
        if self._found is not None:
            return self._found.records
        with self._translated_errors("read"):
            return [decode(row) for _, row in layouts.rows(self._connection)]

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        """Make all changes and events durable in one transaction, or none of them and raise StoreError."""
        self._found = None
        rows: dict[tuple[str, str], Row | None] = {}  # the last change of each record; None: it is deleted
        for change in changes:
            if isinstance(change, Put):
                row = encode(change.record)
                rows[row.kind, row.key] = row
            else:
                rows[KINDS[change.kind], change.key] = None
        deleted = [key for key, row in rows.items() if row is None]
        with self._translated_errors("write"), self._transaction():
            layouts.upsert(self._connection, self._ids, [row for row in rows.values() if row is not None])
            layouts.delete(self._connection, self._ids, deleted)
            if events:
                layouts.add_events(self._connection, events[0].number, events_to_lines(events))
                self._connection.execute(layouts.DROP_EVENTS, (events[-1].number - 2 * KEPT,))
        # Only now: had the commit failed, their rows would still be there.
        for kind, key in deleted:
            self._ids.forget(kind, key)

    def tail(self) -> list[StreamEvent]:
        """The last events, oldest first."""
        if self._found is not None:
            return self._found.events
        with self._translated_errors("read"):
            return list(layouts.events(self._connection))

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._connection.close()

    # ------------------------------------------------------------------------ opening

    def _create_if_missing(self) -> None:
        """Create an empty store, first under another name, so that a crash never leaves an incomplete one."""
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
            raise StoreError(f"cannot create the store {self._path}: {error}. {UNWRITABLE}") from error

    def _connect(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise StoreError(f"cannot open the store {self._path}: {error}. {UNWRITABLE}") from error

    def _prepare(self, found: Found) -> None:
        """Lock the file, and upgrade an older layout."""
        execute = self._connection.execute
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute("PRAGMA wal_checkpoint(TRUNCATE)")  # no log has the traces of more than one crash
        execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BETWEEN_CHECKPOINTS}")
        with self._transaction():  # also takes the write lock, which the exclusive mode then keeps
            if found.layout < layouts.LAYOUT:
                layouts.migrate(self._connection, found.layout, self._ids, [encode(record) for record in found.records])
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
    def _translated_errors(self, doing: str) -> Iterator[None]:
        """Turn SQLite's errors into StoreError, with the file's name and advice."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreError(is_open_elsewhere(doing, self._path)) from error
            raise StoreError(
                f"cannot {doing} the store {self._path}: {error}. "
                "Check the disk's free space, and the file's owner and integrity"
            ) from error


def _fill(connection: sqlite3.Connection) -> None:
    """Write the tables of an empty store to the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN EXCLUSIVE")
    for statement in layouts.CREATE:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {layouts.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {layouts.LAYOUT}")
    connection.execute("COMMIT")


def _publish(made: Path, path: Path) -> None:
    """Move the new file to its path, unless a file exists there by now."""
    try:
        os.link(made, path)
    except FileExistsError:
        return  # another scheduler was faster; the lock decides which one gets it
    except OSError:  # a file system without links
        made.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
