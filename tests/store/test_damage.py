"""Damage of a store's file is reported by name, before a byte of the file or its log is changed."""

import contextlib
import errno
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from scheduler.core.frame import Put, Record
from scheduler.loop.bus import StreamEvent
from scheduler.model.records import Framework, Goal
from scheduler.store import SqliteStore, StoreError
from scheduler.store import sqlite as module
from scheduler.store.checksums import events_checksum, row_checksum
from scheduler.store.codec import encode
from scheduler.store.cutoff import commits_cut_off
from scheduler.store.examination import examine
from scheduler.store.layouts import LAYOUT
from tests.store.samples import all_records, definition, deployment, instance, pod

EVENTS = [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def whole(path: Path) -> Path:
    """A store that was closed well."""
    write(path, all_records())
    return path


def write(path: Path, records: list[Record]) -> None:
    store = SqliteStore(path)
    store.commit([Put(record) for record in records], EVENTS)
    store.commit([], [StreamEvent(3, "c", b"{}")])
    store.close()


def folder(path: Path) -> dict[str, bytes]:
    """All files of the store."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.is_file()}


def refusal(path: Path) -> str:
    """Why the store is refused; nothing was changed."""
    before = folder(path)
    with pytest.raises(StoreError) as caught:
        SqliteStore(path)
    assert folder(path) == before
    assert [each.name for each in path.parent.iterdir()] == [*before], "something was left behind"
    return str(caught.value)


def execute(path: Path, sql: str, values: tuple[object, ...] = ()) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql, values)


# ----------------------------------------------------------------------- another's file


def test_a_file_that_is_no_database(path: Path) -> None:
    path.write_text("my diary " * 1000)
    assert "not a database" in refusal(path)


def test_another_programs_database(path: Path) -> None:
    execute(path, "CREATE TABLE recipes (name TEXT)")
    assert "another program's database" in refusal(path)


def test_a_newer_layout(whole: Path) -> None:
    execute(whole, f"PRAGMA user_version = {LAYOUT + 1}")
    assert "newer podexec" in refusal(whole)


def test_a_newer_layout_of_a_scheduler_that_was_killed(path: Path) -> None:
    """Its last commits are in the write-ahead log, which SQLite would write back into the file."""
    leave_a_log(path, "PRAGMA user_version = 99")
    assert path.with_name("store.db-wal").stat().st_size
    assert "newer podexec" in refusal(path)


def test_a_folder(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="not a regular file"):
        SqliteStore(path)


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(StoreError, match="not a regular file"):
        SqliteStore(path)


# ------------------------------------------------------------------------ a store that was lost


def test_an_empty_file(path: Path) -> None:
    path.touch()
    message = refusal(path)
    assert "is empty" in message
    assert "Restore a backup" in message
    assert "remove the file to start again" in message


def test_a_database_without_tables(path: Path) -> None:
    """As an older release left it whose log is lost."""
    execute(path, "PRAGMA journal_mode = WAL")
    assert "contains no tables" in refusal(path)


def test_a_log_without_its_file(path: Path) -> None:
    leave_a_log(path, "SELECT 1")
    path.unlink()
    message = refusal(path)
    assert "store.db-wal" in message
    assert "is missing" in message


def test_a_rollback_journal_without_its_file(path: Path) -> None:
    """As a migration by another program leaves it."""
    path.with_name("store.db-journal").write_bytes(b"pages")
    assert "store.db-journal" in refusal(path)


def test_a_file_that_is_open_is_not_even_looked_at(path: Path) -> None:
    with contextlib.closing(SqliteStore(path)), pytest.raises(StoreError, match="another process has it open"):
        examine(path)


def test_a_first_start_that_is_cut_short_leaves_no_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (a)")
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_fill", cut)
    with pytest.raises(KeyboardInterrupt):
        SqliteStore(path)
    assert list(path.parent.iterdir()) == []
    monkeypatch.undo()
    SqliteStore(path).close()


def test_a_first_start_works_where_files_cannot_be_linked(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    store = SqliteStore(path)
    store.close()
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]


def test_of_two_first_starts_at_once_one_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[SqliteStore] = []
    fill = module._fill

    def beaten(connection: sqlite3.Connection) -> None:
        fill(connection)
        monkeypatch.setattr(module, "_fill", fill)
        others.append(SqliteStore(path))

    monkeypatch.setattr(module, "_fill", beaten)
    with pytest.raises(StoreError, match="another process has it open"):
        SqliteStore(path)
    others[0].close()


# ------------------------------------------------------------------- records that do not fit


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ([pod()], "the pod '/shop/web' refers to version '2026-11-01T00:00:00.000Z'"),
        ([Framework("f"), instance()], "the instance 'shop_web.instance-1' refers to version"),
        ([deployment()], "the deployment 'd1' refers to version"),
        ([definition(), instance()], "the instance 'shop_web.instance-1' was launched, but the framework's id"),
        ([definition(), pod()], "the pod '/shop/web' was launched, but the framework's id"),
    ],
)
def test_a_record_that_is_missing(path: Path, records: list[Record], complaint: str) -> None:
    write(path, records)
    assert complaint in refusal(path)


def test_pods_that_were_never_launched_need_no_framework(path: Path) -> None:
    """They were asked for before a master was there."""
    waiting = replace(instance(), incarnation=0, agent=None, executor_id=None, tasks=(), reservation=None)
    records: list[Record] = [definition(), replace(pod(), terminations=()), waiting]
    write(path, records)
    store = SqliteStore(path)
    assert sorted(map(repr, store.load())) == sorted(map(repr, records))
    store.close()


def test_a_pod_whose_definition_was_deleted(whole: Path) -> None:
    execute(whole, "DELETE FROM records WHERE kind = 'definition'")
    assert "'/shop/web'" in refusal(whole)


def test_an_instance_that_is_to_run_without_its_pod(path: Path) -> None:
    """It would be launched again for ever, and no queue could show it."""
    framework: list[Record] = [Framework("f"), definition()]
    write(path, [*framework, instance()])
    assert "the instance 'shop_web.instance-1' is to run, but its pod '/shop/web' is missing" in refusal(path)
    path.unlink()
    removing: list[Record] = [*framework, instance(), deployment()]  # it ends several pods, one after the other
    write(path, removing)
    with contextlib.closing(SqliteStore(path)) as store:
        assert sorted(map(repr, store.load())) == sorted(map(repr, removing))
    path.unlink()
    ending = [*framework, replace(instance(), goal=Goal.DECOMMISSIONED)]
    write(path, ending)
    with contextlib.closing(SqliteStore(path)) as store:
        assert sorted(map(repr, store.load())) == sorted(map(repr, ending))


# ------------------------------------------------------------------------------- damage


@pytest.mark.parametrize(
    "change",
    [
        "id = 77",
        "id = 9223372036854775807",
        "key = '/shop/wab'",
        "version = 2",
        "data = CAST(replace(data, '01', '02') AS BLOB)",
        "checksum = 0",
        "checksum = checksum + 4294967296",
    ],
)
def test_a_record_that_was_changed_by_something_else(whole: Path, change: str) -> None:
    execute(whole, f"UPDATE records SET {change} WHERE kind = 'pod'")
    message = refusal(whole)
    assert "the stored pod '/shop/w" in message
    assert "checksum" in message


@pytest.mark.parametrize("data", ["{}", 5, None])
def test_a_record_that_is_no_bytes(whole: Path, data: object) -> None:
    """As a table can hold them that another program made again, with whatever types."""
    execute(whole, "DROP TABLE records")
    execute(whole, "CREATE TABLE records (id INTEGER PRIMARY KEY, kind, key, version, data, checksum)")
    execute(whole, "INSERT INTO records VALUES (1, 'pod', '/a', 1, ?, 0)", (data,))
    assert "the stored pod '/a' is damaged: its data are no bytes" in refusal(whole)


def test_a_record_that_is_there_twice(whole: Path) -> None:
    """Later changes would be written to one row, and the other one might be loaded."""
    row = encode(pod())
    values = (900, row.kind, row.key, row.version, row.data, row_checksum(900, row))
    execute(whole, "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", values)
    assert "the stored pod '/shop/web' is damaged: it is there twice" in refusal(whole)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (b"\xff\xfe garbage", "they are not events"),
        (b"\xff\xfe {}", "they are not events"),
        (b"no-kind {}", "they are not events"),
        (b"kind not-json", "they are not events"),
        (b"kind []", "they are not events"),
        (b"", "they are not events"),
    ],
)
def test_garbage_in_the_events(whole: Path, lines: bytes, complaint: str) -> None:
    execute(whole, "UPDATE events SET lines = ?, checksum = ? WHERE first = 3", (lines, events_checksum(3, lines)))
    message = refusal(whole)
    assert "events from number 3 on" in message
    assert complaint in message


@pytest.mark.parametrize("lines", ["kind {}", 5, None])
def test_events_that_are_no_bytes(whole: Path, lines: object) -> None:
    """As a table can hold them that another program made again, with whatever types."""
    execute(whole, "DROP TABLE events")
    execute(whole, "CREATE TABLE events (first INTEGER PRIMARY KEY, lines, checksum)")
    execute(whole, "INSERT INTO events VALUES (3, ?, 0)", (lines,))
    assert "events from number 3 on are damaged: they are not events" in refusal(whole)


def test_events_whose_checksum_does_not_fit(whole: Path) -> None:
    execute(whole, "UPDATE events SET lines = x'612062' WHERE first = 1")
    assert "events from number 1 on are damaged: their checksum" in refusal(whole)


def test_events_of_which_some_are_missing(whole: Path) -> None:
    execute(whole, "INSERT INTO events VALUES (9, ?, ?)", (b"a {}", events_checksum(9, b"a {}")))
    assert "events from number 9 on are damaged: number 4 was expected" in refusal(whole)


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut(whole: Path, share: float) -> None:
    data = whole.read_bytes()
    whole.write_bytes(data[: int(len(data) * share)])
    assert "Nothing was changed" in refusal(whole)


def test_pages_that_were_zeroed(whole: Path) -> None:
    data = whole.read_bytes()
    for start in range(4096, len(data), 4096):
        whole.write_bytes(data[:start] + bytes(4096) + data[start + 4096 :])
        refusal(whole)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_byte_is_changed_all_is_loaded_or_the_store_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = _once(tmp_path_factory)
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.getbasetemp() / "flipped" / "store.db"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(contextlib.closing(SqliteStore(path)))
        except StoreError:
            assert path.read_bytes() == content
            return
        assert sorted(map(repr, store.load())) == sorted(map(repr, all_records()))
        assert store.tail() == [*EVENTS, StreamEvent(3, "c", b"{}")]


_WHOLE: list[bytes] = []


def _once(factory: pytest.TempPathFactory) -> bytes:
    if not _WHOLE:
        path = factory.mktemp("whole") / "store.db"
        write(path, all_records())
        _WHOLE.append(path.read_bytes())
    return _WHOLE[0]


def leave_a_log(path: Path, sql: str) -> None:
    """A store whose scheduler was killed after this statement."""
    program = textwrap.dedent(
        """
        import os, signal, sys
        from scheduler.core.frame import Put
        from scheduler.model.records import Framework
        from scheduler.store import SqliteStore
        store = SqliteStore(sys.argv[1])
        store.commit([Put(Framework("f"))])
        store._connection.execute(sys.argv[2])
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path), sql], check=False)
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.parametrize("layout", range(1, LAYOUT))
def test_a_layout_that_the_tables_do_not_have(whole: Path, layout: int) -> None:
    """As one flipped bit makes it; a migration would drop what the other layout has."""
    execute(whole, f"PRAGMA user_version = {layout}")
    assert f"its tables do not match its layout {layout}" in refusal(whole)


@pytest.mark.parametrize("layout", [0, -1])
def test_a_layout_that_there_never_was(whole: Path, layout: int) -> None:
    execute(whole, "DROP TABLE events")
    execute(whole, "ALTER TABLE records DROP COLUMN checksum")
    execute(whole, f"PRAGMA user_version = {layout}")
    assert f"its tables do not match its layout {layout}" in refusal(whole)


def test_an_error_of_sqlite_that_is_no_text(whole: Path) -> None:
    whole.write_bytes(whole.read_bytes().replace(b"kind TEXT NOT NULL", b"kind TEXT NOT \xff\xfeL"))
    assert "Nothing was changed" in refusal(whole)


def test_a_full_disk_at_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    leave_a_log(path, "SELECT 1")
    monkeypatch.setattr(shutil, "copyfile", full)
    assert "No space left on device" in refusal(path)


def leave_commits(path: Path) -> None:
    """A store whose scheduler was killed after a commit for each record."""
    child = os.fork()
    if not child:
        store = SqliteStore(path)
        for record in all_records():
            store.commit([Put(record)])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


@pytest.mark.parametrize("at", [0, 9, 13, 18, 22, 27, 33, 37, 41, 46, 50, 60, 9000])
def test_a_log_that_is_damaged_before_its_last_commits(path: Path, at: int) -> None:
    """SQLite treats the first frame with a wrong checksum as the end of the log, and would load an older state."""
    leave_commits(path)
    log = path.with_name("store.db-wal")
    content = bytearray(log.read_bytes())
    content[at] ^= 1
    log.write_bytes(content)
    assert "of the last commits in its log" in refusal(path)


@pytest.mark.parametrize(("salt", "lost"), [(6, 0), (7, 2), (8, 2)])
def test_commits_of_the_last_round_of_a_log_are_not_lost(path: Path, salt: int, lost: int) -> None:
    """SQLite has begun the log again, with the next salt, and written nothing but its header."""
    frame = struct.pack(">IIII8x", 1, 1, salt, 9) + bytes(512)
    path.write_bytes(struct.pack(">16xII8x", 7, 9) + 3 * frame)
    assert commits_cut_off(path, 512, 0) == lost


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_commit_that_a_crash_cut_short_is_as_if_it_had_not_been(path: Path, rounds: int) -> None:
    """Also if it happens again and again."""
    log = path.with_name("store.db-wal")
    for _ in range(rounds):
        leave_commits(path)
        content = bytearray(log.read_bytes())
        content[-3] ^= 1
        log.write_bytes(content)
    store = SqliteStore(path)
    assert len(store.load()) >= len(all_records()) - 1
    store.close()


def test_what_a_killed_scheduler_committed_is_loaded(path: Path) -> None:
    leave_a_log(path, "SELECT 1")
    store = SqliteStore(path)
    assert store.load() == [Framework("f")]
    store.close()
    assert [each.name for each in path.parent.iterdir()] == ["store.db"]
