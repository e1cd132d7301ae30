"""A file of an older release is migrated with everything in it, in one transaction.

The files of layouts 2 and 3 were written by releases that had them; ``layout3-killed`` by one that was killed after its
last commit, so that all of it is in the log.
"""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from scheduler.core.frame import Put, Record
from scheduler.loop.bus import StreamEvent
from scheduler.model.records import Cluster, Framework, Instance
from scheduler.store import SqliteStore, StoreError
from scheduler.store.codec import Row, decode
from scheduler.store.examination import examine
from scheduler.store.layouts import LAYOUT
from tests.store.samples import abandoned, deployment, instance, pod

FILES = Path(__file__).with_name("files")
EVENTS = [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}"), StreamEvent(3, "c", b"{}")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def expected(path: Path) -> list[str]:
    """The records of ``layout3``, which is there."""
    place("layout3", path)
    return texts(examine(path).records)


def place(name: str, path: Path) -> None:
    """Put a stored file, with its log if it has one, where a scheduler looks for its store."""
    for each in FILES.glob(f"{name}.db*"):
        shutil.copyfile(each, path.with_name(each.name.replace(name, path.stem)))
    assert path.exists()


def written(path: Path) -> list[Record]:
    """The records in a file of layout 2 or 3, read without the store."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT kind, key, version, data FROM records").fetchall()
    return [decode(Row(*row)) for row in rows]


def texts(records: list[Record]) -> list[str]:
    return sorted(map(repr, records))


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def as_layout_1(path: Path) -> None:
    """Rewrite a file of layout 2 as the first release had it, of which no file is kept."""
    columns = "kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, data BLOB NOT NULL"
    for statement in (
        "DROP TABLE events",
        "ALTER TABLE records RENAME TO old",
        f"CREATE TABLE records ({columns}, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID",
        "INSERT INTO records SELECT kind, key, version, data FROM old",
        "DROP TABLE old",
        "PRAGMA user_version = 1",
    ):
        query(path, statement)


@pytest.mark.parametrize("name", ["layout2", "layout3", "layout3-killed"])
def test_all_that_an_older_release_stored_is_there_and_can_be_changed(name: str, path: Path, tmp_path: Path) -> None:
    place(name, path)
    aside = tmp_path / "aside" / path.name
    aside.parent.mkdir()
    place(name, aside)
    expected = written(aside)
    for _ in range(2):
        with contextlib.closing(SqliteStore(path)) as store:
            assert texts(store.load()) == texts(expected)
            assert store.tail() == EVENTS
    changed: list[Record] = [Framework("changed"), Cluster(("a",))]
    with contextlib.closing(SqliteStore(path)) as store:
        store.commit([Put(record) for record in changed], [StreamEvent(4, "d", b"{}")])
    kept = [record for record in expected if not isinstance(record, Framework | Cluster)]
    with contextlib.closing(SqliteStore(path)) as store:
        assert texts(store.load()) == texts([*kept, *changed])
        assert store.tail() == [*EVENTS, StreamEvent(4, "d", b"{}")]
    assert query(path, "PRAGMA user_version") == [(LAYOUT,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_last_release_stored_records_of_every_kind(path: Path) -> None:
    """What the test above compares is not empty."""
    place("layout3", path)
    found = examine(path)
    assert found.layout == 3
    for record in (pod(), instance(), deployment(), abandoned()):
        assert record in found.records
    waiting = next(each for each in found.records if isinstance(each, Instance) and not each.incarnation)
    assert waiting.role == "sho[p]\a"


def test_the_first_layout_is_migrated(path: Path) -> None:
    place("layout2", path)
    expected = texts(written(path))
    as_layout_1(path)
    with contextlib.closing(SqliteStore(path)) as store:
        store.commit([], [StreamEvent(1, "news", b"{}")])
        assert texts(store.load()) == expected
        assert store.tail() == [StreamEvent(1, "news", b"{}")]
    assert {"Deployment", "Instance"} <= {type(record).__name__ for record in written(path)}


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_the_files_permissions_stay(mode: int, path: Path) -> None:
    place("layout3", path)
    path.chmod(mode)
    SqliteStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_rows_are_smaller_afterwards_and_lose_nothing(path: Path) -> None:
    """Fields with their default are left out of all rows, also of those that never change again."""
    place("layout3", path)
    before = dict(query(path, "SELECT kind || key, length(data) FROM records"))
    SqliteStore(path).close()
    after = dict(query(path, "SELECT kind || key, length(data) FROM records"))
    assert after.keys() == before.keys()
    assert after["instanceshop_web.instance-2"] < before["instanceshop_web.instance-2"]


# ------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("name", "damage", "complaint"),
    [
        ("layout3", "UPDATE records SET data = x'7b7d' WHERE kind = 'pod'", "the stored pod '/shop/web' is damaged"),
        (
            "layout3",
            "UPDATE records SET version = 9 WHERE kind = 'deployment'",
            "the stored deployment 'd1' is damaged",
        ),
        ("layout3", "UPDATE records SET checksum = x'00' WHERE kind = 'clock'", "the stored clock '' is damaged"),
        ("layout3", "UPDATE events SET lines = x'612062' WHERE first = 1", "events from number 1 on are damaged"),
        ("layout2", "UPDATE events SET lines = x'fffe00' WHERE first = 3", "events from number 3 on are damaged"),
        ("layout2", "UPDATE records SET data = x'7b7d' WHERE kind = 'pod'", "cannot read the stored pod '/shop/web'"),
        ("layout2", "UPDATE records SET kind = 'pot' WHERE kind = 'pod'", "cannot read the stored pot '/shop/web'"),
        ("layout3", "DELETE FROM records WHERE kind = 'definition'", "whose definition is missing"),
    ],
)
def test_damage_is_named_and_nothing_is_migrated(name: str, damage: str, complaint: str, path: Path) -> None:
    place(name, path)
    query(path, damage)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=complaint):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


# --------------------------------------------------------------------------- interrupted


def in_child(do: Callable[[], None]) -> int:
    """Run something in a process of its own. Returns its exit code; -9: it was killed."""
    child = os.fork()
    if not child:
        try:
            do()
        except StoreError:
            os._exit(1)
        except BaseException as error:  # pytest must not go on in the child
            print(f"the child failed: {error!r}", file=sys.stderr, flush=True)
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check_old_or_new(path: Path, expected: list[str]) -> int:
    """The file has everything, in one layout or the other, and can be opened. Returns the layout."""
    layout = examine(path).layout
    assert layout in (3, LAYOUT)
    with contextlib.closing(SqliteStore(path)) as store:
        assert texts(store.load()) == expected
        assert store.tail() == EVENTS
    assert query(path, "PRAGMA user_version") == [(LAYOUT,)]
    return layout


def test_a_kill_before_each_statement_leaves_the_old_or_the_new_store(path: Path, expected: list[str]) -> None:
    connect = SqliteStore._connect

    def migrate(last: int) -> None:
        """Open the store, up to this statement."""
        statements = 0

        def count(_: str) -> None:
            nonlocal statements
            statements += 1
            if statements == last:
                os.kill(os.getpid(), signal.SIGKILL)

        def counted(store: SqliteStore) -> sqlite3.Connection:
            connection = connect(store)
            connection.set_trace_callback(count)
            return connection

        SqliteStore._connect = counted  # in the child
        SqliteStore(path)

    last, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        last += 1
        path.with_name("store.db-wal").unlink(missing_ok=True)
        place("layout3", path)
        ended = in_child(partial(migrate, last))
        layout = check_old_or_new(path, expected)
        assert layout == 3 or ended == 0, "the new layout was there before the transaction ended"
    assert ended == 0
    assert last > 12, "a migration has more statements than this"
    assert layout == LAYOUT


def test_a_log_that_a_crash_cut_anywhere_leaves_the_old_or_the_new_store(path: Path, expected: list[str]) -> None:
    def migrate() -> None:
        SqliteStore(path)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(migrate) == -signal.SIGKILL
    log = path.with_name("store.db-wal")
    old, whole = path.read_bytes(), log.read_bytes()
    found = set()
    for length in [*range(0, len(whole), 1021), len(whole)]:
        path.write_bytes(old)
        log.write_bytes(whole[:length])
        found.add(check_old_or_new(path, expected))
    assert found == {3, LAYOUT}


def test_a_disk_that_is_full_during_the_migration_leaves_the_old_store(path: Path, expected: list[str]) -> None:
    """Wherever it gets full: a limit of the files' size stands in for the disk's."""

    def migrate(limit: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        SqliteStore(path).close()

    limit, ended, failed = 0, 1, 0
    while ended:
        limit += 2500
        for each in path.parent.iterdir():
            each.unlink()
        place("layout3", path)
        ended = in_child(partial(migrate, limit))
        assert ended in (0, 1), "not an error of the store"
        layout = check_old_or_new(path, expected)
        assert layout == LAYOUT or ended == 1
        failed += ended
    assert failed > 5, "the disk was never full"
