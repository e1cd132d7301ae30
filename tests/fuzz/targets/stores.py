"""Store files in which something was changed: bytes anywhere, or rows, with checksums that fit or do not."""

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from random import Random

from scheduler.core.frame import Put, Record
from scheduler.loop.bus import StreamEvent
from scheduler.model.records import Condition
from scheduler.store import SqliteStore, StoreError
from scheduler.store.checksums import events_checksum, row_checksum
from scheduler.store.codec import Row
from tests.fuzz.mutation import mutated_bytes, mutated_json
from tests.fuzz.pods import drawn, rich_offer, tell_all, whole, work_with, written_definitions
from tests.fuzz.target import FaultError, Target
from tests.model.strategies import any_valid
from tests.store.samples import all_records

_EVENTS = [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}")]
_OLDER = sorted((Path(__file__).parents[2] / "store" / "files").glob("*.db"))
_LENGTH = 8  # bytes that say where the log begins
_INTEGERS = (0, 1, -1, 2, 2**31, 2**63 - 1, -(2**63))


class Fuzzed(Target):
    """A case is a file and its write-ahead log, one after the other, behind the file's length."""

    @cached_property
    def _material(self) -> list[tuple[bytes, bytes]]:
        files = [_file([Put(record) for record in records]) for records in (all_records(), self._grown())]
        older = [(each.read_bytes(), _log(each).read_bytes() if _log(each).exists() else b"") for each in _OLDER]
        return [*files, *files, *older]

    def _grown(self) -> list[Record]:
        """What a scheduler stores."""
        bodies = [*written_definitions(), *drawn(self.random, any_valid(), 6)]
        with whole() as api:
            for body in bodies:
                api("POST", "/v2/pods", json=body)
            api.happens(*map(rich_offer, range(6)))
            tell_all(api, Condition.RUNNING, "läuft")
            return api.stored()

    def make_case(self, random: Random) -> bytes:
        """Either rows are changed, or bytes."""
        file, log = random.choice(self._material)
        if random.random() < 0.6:
            file = _with_changed_rows(random, file)
        if not log or random.random() < 0.5:
            file = mutated_bytes(random, file) if random.random() < 0.4 else file
        else:
            log = mutated_bytes(random, log)
        return len(file).to_bytes(_LENGTH) + file + log

    def run(self, case: bytes) -> None:
        """The file is refused and left as it was, or all in it can be read and worked with."""
        size = int.from_bytes(case[:_LENGTH])
        with _folder() as folder:
            path = folder / "store.db"
            path.write_bytes(case[_LENGTH : _LENGTH + size])
            if case[_LENGTH + size :]:
                _log(path).write_bytes(case[_LENGTH + size :])
            before = _contents(folder)
            try:
                records = _opened(path)
            except StoreError as error:
                if _contents(folder) != before:
                    raise FaultError("state", f"the store was refused, and yet changed: {error}") from error
                return
        work_with(records)


def _opened(path: Path) -> list[Record]:
    with contextlib.closing(SqliteStore(path)) as store:
        store.tail()
        return store.load()


def _with_changed_rows(random: Random, file: bytes) -> bytes:
    with _folder() as folder:
        path = folder / "store.db"
        path.write_bytes(file)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            for _ in range(random.choice((1, 1, 2, 5))):
                with contextlib.suppress(sqlite3.Error):  # in an older layout
                    random.choice((_change_row, _change_row, _change_row, _change_column, _change_events))(
                        random, connection
                    )
        return path.read_bytes()


def _change_row(random: Random, connection: sqlite3.Connection) -> None:
    """Another JSON, usually under a checksum that fits."""
    rows = connection.execute("SELECT id, kind, key, version, data FROM records ORDER BY id").fetchall()
    if not rows:
        return
    number, kind, key, version, data = random.choice(rows)
    try:
        data = mutated_json(random, json.loads(data), 2)
    except (ValueError, RecursionError):  # it was changed before
        data = mutated_bytes(random, data)
    checksum = row_checksum(number, Row(kind, key, version, data)) if random.random() < 0.9 else 0
    connection.execute("UPDATE records SET data = ?, checksum = ? WHERE id = ?", (data, checksum, number))


def _change_column(random: Random, connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT id, kind, key, version, data FROM records ORDER BY id").fetchall()
    if not rows:
        return
    number, kind, key, version, data = random.choice(rows)
    match random.randrange(5):
        case 0:
            connection.execute("DELETE FROM records WHERE id = ?", (number,))
            return
        case 1:
            kind = random.choice(rows)[1]
        case 2:
            key = random.choice((random.choice(rows)[2], "", key + "x", "\0", "é" * 1000))
        case 3:
            version = random.choice(_INTEGERS)
        case 4:
            data = random.choice((random.choice(rows)[4], b"", b"[" * 100_000, b"\xff", b"null"))
    new = random.choice((number, number, *(each for each in _INTEGERS)))
    values = (new, kind, key, version, data, row_checksum(new, Row(kind, key, version, data)), number)
    connection.execute(
        "UPDATE records SET id = ?, kind = ?, key = ?, version = ?, data = ?, checksum = ? WHERE id = ?", values
    )


def _change_events(random: Random, connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT first, lines FROM events ORDER BY first").fetchall()
    if not rows:
        return
    first, lines = random.choice(rows)
    lines, new = mutated_bytes(random, lines), random.choice((first, *_INTEGERS))
    connection.execute(
        "UPDATE events SET first = ?, lines = ?, checksum = ? WHERE first = ?",
        (new, lines, events_checksum(new, lines), first),
    )


def _file(changes: list[Put]) -> tuple[bytes, bytes]:
    with _folder() as folder:
        path = folder / "store.db"
        with contextlib.closing(SqliteStore(path)) as store:
            store.commit(changes, _EVENTS)
            store.commit([], [StreamEvent(3, "c", b"{}")])
        return path.read_bytes(), b""


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="podexec-fuzz-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
