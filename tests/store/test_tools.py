"""``podexec store``: backups, moves, checks, compaction, and what can be saved of a damaged store."""

import contextlib
import gzip
import json
import os
import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from scheduler.core.frame import Delete, Put, Record, key_of
from scheduler.loop.bus import StreamEvent
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Framework, Pod
from scheduler.store.codec import Row
from scheduler.store.layouts import LAYOUT
from scheduler.store.tools import BackupError, Contents, read_backup, write_backup
from scheduler.store.zookeeper import address
from tests.cli.conftest import Run
from tests.store.places import Place, SqlitePlace, ZooKeeperPlace
from tests.store.samples import all_records, definition
from tests.zookeeper import Ensemble

EVENTS = [StreamEvent(number, "a", json.dumps({"n": number, "text": "\x1b[31m ∞"}).encode()) for number in range(7, 40)]
HOSTILE = Pod("/\x1b[31m[red]\u202e" + "x" * 130_000, "1", "1")


@pytest.fixture
def other(zookeeper: Ensemble, place: Place, tmp_path: Path) -> Place:
    """A place for a store of the other kind."""
    if isinstance(place, SqlitePlace):
        return ZooKeeperPlace(zookeeper.url(f"/tests/{uuid4().hex}"))
    return SqlitePlace(tmp_path / "other" / "store.db")


@pytest.fixture
def filled(place: Place) -> Place:
    """A store with everything, of several commits; closed."""
    with contextlib.closing(place.open()) as store:
        store.commit([Put(definition("/gone")), *(Put(record) for record in all_records())], EVENTS[:20])
        store.commit([Delete(PodDefinition, f"/gone@{definition().version}"), Put(definition("/b"))], EVENTS[20:])
    return place


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of what is in it."""
    file = tmp_path / "backup.gz"
    write_backup(file, Contents((*all_records(), definition("/b")), tuple(EVENTS)), "1.2.3", "2026-11-30T00:00:00.000Z")
    return file


def names(records: list[Record]) -> list[str]:
    return sorted(map(repr, records))


def everything(place: Place) -> tuple[list[str], list[StreamEvent]]:
    with contextlib.closing(place.open()) as store:
        return names(store.load()), store.tail()


# -------------------------------------------------------------------------- backup and restore


def test_a_store_moves_to_the_other_kind_and_back(run: Run, filled: Place, other: Place, tmp_path: Path) -> None:
    before = everything(filled)
    first, second = tmp_path / "1.gz", tmp_path / "2.gz"
    exported = run("store", "export", "--store", filled.url, str(first))
    assert exported.code == 0
    assert exported.out.startswith(
        "Exported 1 framework, 1 pod, 2 definitions, 1 instance, 1 deployment, 1 clock, 1 abandoned launch, 33 events"
    )
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert run("store", "import", "--store", other.url, str(first)).code == 0
    assert everything(other) == before
    assert run("store", "export", "--store", other.url, str(second)).code == 0
    assert read_backup(second) == read_backup(first)
    with contextlib.closing(other.open()) as store:
        store.commit([Put(Framework("next"))], [StreamEvent(40, "a", b"{}")])


def test_a_hostile_record_survives_and_is_shown_harmlessly(run: Run, place: Place, tmp_path: Path) -> None:
    file = tmp_path / "b.gz"
    with contextlib.closing(place.open()) as store:
        store.commit([Put(HOSTILE), Put(definition(version="1"))])
    done = run("store", "export", "--store", place.url, str(file))
    assert done.code == 1
    assert r"records are missing in the store: the pod '/\x1b[31m[red]\u202exxx" in done.err
    assert len(done.err) < 40_000
    assert not file.exists()
    assert run("store", "export", "--readable", "--store", place.url, str(file)).code == 0
    assert b"x" * 130_000 in gzip.decompress(file.read_bytes())


def test_an_existing_file_is_not_overwritten(run: Run, filled: Place, backup: Path) -> None:
    before = backup.read_bytes()
    done = run("store", "export", "--store", filled.url, str(backup))
    assert done.code == 1
    assert "exists; it was not changed" in done.err
    assert backup.read_bytes() == before
    assert [each.name for each in backup.parent.iterdir() if each.name.startswith(".")] == []


def test_a_folder_that_does_not_exist_is_named(run: Run, filled: Place, tmp_path: Path) -> None:
    done = run("store", "export", "--store", filled.url, str(tmp_path / "none" / "b.gz"))
    assert (done.code, "No such file" in done.err) == (1, True)


def test_a_store_that_is_not_empty_is_not_imported_into(run: Run, other: Place, backup: Path) -> None:
    with contextlib.closing(other.open()) as store:
        store.commit([Put(Framework("f"))])
    before = everything(other)
    done = run("store", "import", "--store", other.url, str(backup))
    assert done.code == 1
    assert "is not empty; nothing was changed" in done.err
    assert everything(other) == before


@pytest.mark.parametrize("command", ["import", "compact"])
def test_a_running_schedulers_store_is_not_touched(run: Run, other: Place, backup: Path, command: str) -> None:
    with contextlib.closing(other.open()) as store:
        file = [str(backup)] if command == "import" else []
        done = run("store", command, "--store", other.url, *file)
        assert done.code == 1
        assert "has it open" in done.err
        store.commit([Put(Framework("f"))])


def test_a_store_in_zookeeper_is_exported_while_it_is_in_use(run: Run, url: str, tmp_path: Path) -> None:
    file = tmp_path / "b.gz"
    with contextlib.closing(ZooKeeperPlace(url).open()) as store:
        store.commit([Put(Framework("f"))])
        assert run("store", "export", "--store", url, str(file)).code == 0
        store.commit([Put(Framework("g"))])
    assert read_backup(file).records == (Framework("f"),)


@pytest.mark.parametrize("command", ["export", "check", "compact"])
def test_a_store_that_does_not_exist_is_not_made(
    run: Run, zookeeper: Ensemble, place: Place, tmp_path: Path, command: str
) -> None:
    done = run("store", command, "--store", place.url, *([str(tmp_path / "b.gz")] if command == "export" else []))
    assert done.code == 1
    assert list(tmp_path.iterdir()) == []
    if isinstance(place, ZooKeeperPlace):
        client = zookeeper.client()
        assert client.exists(address.parse(place.url).path) is None
        client.stop()
        client.close()


def test_servers_that_do_not_answer_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.store.tools.reading.WAIT", 0.2)
    done = run("store", "check", "--store", "zk://ada:hush@127.0.0.1:1/store")
    assert done.code == 1
    assert "zk://127.0.0.1:1/store: no ZooKeeper server answers" in done.err
    assert "hush" not in done.err


@pytest.mark.parametrize("url", ["memory:", "sqlite:///", "postgres://ada:hush@db/x", "zk://h"])
def test_a_url_of_no_durable_store_is_refused(run: Run, url: str) -> None:
    done = run("store", "check", "--store", url)
    assert done.code == 1
    assert "hush" not in done.err


# ------------------------------------------------------------------------------ the file


def test_the_file_is_as_documented(backup: Path) -> None:
    lines = [json.loads(line) for line in gzip.decompress(backup.read_bytes()).splitlines()]
    assert {name: lines[0][name] for name in ("backup", "format", "complete")} == {
        "backup": "podexec",
        "format": 1,
        "complete": True,
    }
    kinds = [line.get("kind") for line in lines[1:-1] if "key" in line]
    assert sorted(kinds) == [
        "abandoned",
        "clock",
        "definition",
        "definition",
        "deployment",
        "framework",
        "instance",
        "pod",
    ]
    assert [line["event"] for line in lines if "event" in line] == [each.number for each in EVENTS]
    assert (lines[-1]["records"], lines[-1]["events"]) == (8, 33)


Lines = list[str]


def replaced(at: int, old: str, new: str) -> Callable[[Lines], Lines]:
    """A change of one line."""
    return lambda lines: [*lines[:at], lines[at].replace(old, new, 1), *lines[at + 1 :]]


CHANGES: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "cut-off": (lambda lines: lines[:-1], "its end is missing"),
    "a-record-less": (lambda lines: [*lines[:3], *lines[4:]], "7 records and 33 events are in it"),
    "longer": (lambda lines: [*lines, lines[3]], "something after its last line"),
    "twice": (lambda lines: [*lines[:4], lines[3], *lines[4:]], "is there twice"),
    "reordered": (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "its checksum is wrong"),
    "newer": (replaced(0, '"format":1', '"format":2'), "it has format 2, and this podexec knows 1"),
    "of-another-program": (replaced(0, '"backup":"podexec"', '"backup":"tar"'), "is no backup of a podexec store"),
    "no-first-line": (lambda lines: ["{}\n", *lines[1:]], "is no backup of a podexec store"),
    "newer-record": (replaced(2, '"version":1', '"version":9'), "schema version 9"),
    "unknown-kind": (replaced(2, '"kind":"', '"kind":"x'), "knows only the kinds"),
    "unknown-field": (replaced(2, '"kind"', '"extra":1,"kind"'), "line 3: "),
    "gap-of-events": (lambda lines: [*lines[:-3], *lines[-2:]], "does not follow event"),
    "deep": (lambda lines: [lines[0], "[" * 100_000 + "\n", *lines[1:]], "line 2: "),
    "hostile": (lambda lines: [lines[0], '{"kind":"\x1b[31m","key":1}\n', *lines[1:]], "line 2: "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_is_not_understood_is_refused_and_nothing_is_made(
    run: Run, tmp_path: Path, backup: Path, change: str
) -> None:
    changed, why = CHANGES[change]
    whole = gzip.decompress(backup.read_bytes()).decode().splitlines(keepends=True)
    backup.write_bytes(gzip.compress("".join(changed(whole)).encode()))
    target = tmp_path / "new" / "store.db"
    for words in (("import", "--store", f"sqlite:///{target}", str(backup)), ("check", "--backup", str(backup))):
        done = run("store", *words)
        assert done.code == 1
        assert why in done.err
        assert len(done.err) < 2000
    assert not target.parent.exists()


def test_a_backup_that_lacks_a_definition_is_not_restored(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "b.gz"
    write_backup(file, Contents(tuple(all_records()[:3] + all_records()[4:]), ()), "1", "now")
    done = run("store", "import", "--store", f"sqlite:///{tmp_path}/new.db", str(file))
    assert (done.code, "whose definition is missing" in done.err) == (1, True)
    assert not (tmp_path / "new.db").exists()


def test_any_changed_byte_of_a_file_is_found(backup: Path) -> None:
    whole = backup.read_bytes()
    some = random.Random(3)
    for place in some.sample(range(10, len(whole)), 60):  # the first ten are gzip's header, whose time has no meaning
        backup.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << some.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(BackupError, match=r"backup\.gz"):
            read_backup(backup)
    for size in (0, 1, 9, 20, len(whole) // 2, len(whole) - 1):
        backup.write_bytes(whole[:size])
        with pytest.raises(BackupError, match=r"backup\.gz"):
            read_backup(backup)


def test_a_full_disk_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackupError, match="No space left on device"):
        write_backup(tmp_path / "b.gz", Contents((), ()), "1", "now")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------ check and compact


def test_an_intact_store_is_said_to_be_intact(run: Run, filled: Place, backup: Path) -> None:
    of_store, of_backup = run("store", "check", "--store", filled.url), run("store", "check", "--backup", str(backup))
    assert of_store.out == of_backup.out
    assert (of_store.code, of_store.out.startswith("It is intact, with 1 framework, ")) == (0, True)


def test_a_store_is_the_same_after_compaction(run: Run, filled: Place) -> None:
    before = everything(filled)
    done = run("store", "compact", "--store", filled.url)
    assert done.code == 0, done.err
    assert done.out.startswith("Compacted from ")
    assert everything(filled) == before


def test_compaction_frees_space(run: Run, place: Place) -> None:
    pods = [definition(f"/p{number}/" + random.Random(number).randbytes(20_000).hex()) for number in range(40)]
    with contextlib.closing(place.open()) as store:
        store.commit([Put(each) for each in pods])
        store.commit([Delete(*key_of(each)) for each in pods[1:]])
        store.commit([Put(Framework("f"))])
    done = run("store", "compact", "--store", place.url)
    before, after = (float(word) for word in done.out.split() if word[0].isdigit())
    assert before > 0.8
    assert after < 0.2
    assert everything(place)[0] == names([pods[0], Framework("f")])


# ---------------------------------------------------------------------------------- salvage


def test_what_is_readable_of_a_damaged_store_is_saved(run: Run, filled: Place, tmp_path: Path) -> None:
    filled.insert(Row("pod", "/\x1b[31mbroken", 1, b"\x00garbage"))
    file, new = tmp_path / "b.gz", tmp_path / "new.db"
    assert run("store", "export", "--store", filled.url, str(file)).code == 1
    done = run("store", "export", "--readable", "--store", filled.url, str(file))
    assert done.code == 1
    assert "broken" in done.err
    assert "\x1b" not in done.err
    imported = run("store", "import", "--store", f"sqlite:///{new}", str(file))
    assert imported.code == 0
    assert "is not complete" in imported.err
    assert everything(SqlitePlace(new)) == (names([*all_records(), definition("/b")]), EVENTS)


def test_rows_around_a_damaged_page_of_a_file_are_saved(run: Run, tmp_path: Path) -> None:
    path, file = tmp_path / "store.db", tmp_path / "b.gz"
    place = SqlitePlace(path)
    with contextlib.closing(place.open()) as store:
        store.commit([Put(definition(f"/p{number}")) for number in range(300)], EVENTS)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [size] = connection.execute("PRAGMA page_size").fetchone()
    data = path.read_bytes()
    at = data.index(b'"/p150"') // size * size
    path.write_bytes(data[:at] + random.Random(1).randbytes(size) + data[at + size :])
    assert run("store", "check", "--store", place.url).code == 1
    done = run("store", "export", "--readable", "--store", place.url, str(file))
    assert done.code == 1
    saved = {record.id for record in read_backup(file).records if isinstance(record, PodDefinition)}
    assert 280 < len(saved) < 300
    assert {"/p0", "/p299"} <= saved
    assert "/p150" not in saved
    assert path.read_bytes()[at + size :] == data[at + size :]


def test_a_file_of_another_layout_is_not_guessed_at(run: Run, tmp_path: Path) -> None:
    place = SqlitePlace(tmp_path / "store.db")
    place.open().close()
    with contextlib.closing(sqlite3.connect(place.path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {LAYOUT + 1}")
    done = run("store", "export", "--readable", "--store", place.url, str(tmp_path / "b.gz"))
    assert (done.code, f"layout {LAYOUT + 1}" in done.err) == (1, True)


@pytest.mark.parametrize(
    ("node", "lost"),
    [
        ("log/0000000002", ["/b"]),
        ("log/0000000001", ["/shop/web"]),
    ],
)
def test_other_commits_than_a_damaged_one_are_saved(
    run: Run, zookeeper: Ensemble, url: str, tmp_path: Path, node: str, lost: list[str]
) -> None:
    with contextlib.closing(ZooKeeperPlace(url).open()) as store:
        store.commit([Put(definition())])
        store.commit([Put(definition("/b"))], EVENTS)
        store.commit([Put(Framework("f"))])
    client = zookeeper.client()
    client.set(f"{address.parse(url).path}/{node}", b"garbage")
    client.stop()
    client.close()
    file = tmp_path / "b.gz"
    done = run("store", "export", "--readable", "--store", url, str(file))
    assert done.code == 1
    assert f"{node}: its contents are not podexec's" in done.err
    saved = {getattr(record, "id", "") for record in read_backup(file).records}
    assert saved == {"/shop/web", "/b", "f"} - {*lost}


def test_of_a_store_that_is_missing_nothing_is_saved(run: Run, place: Place, tmp_path: Path) -> None:
    done = run("store", "export", "--readable", "--store", place.url, str(tmp_path / "b.gz"))
    assert done.code == 1
    assert "there is no store" in done.err or "it does not exist" in done.err
    assert list(tmp_path.iterdir()) == []


def test_of_a_file_that_is_no_database_nothing_is_saved(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("my diary " * 1000)
    done = run("store", "export", "--readable", "--store", f"sqlite:///{path}", str(tmp_path / "b.gz"))
    assert (done.code, "can be read: file is not a database" in done.err) == (1, True)


def test_without_its_list_of_chunks_the_log_behind_a_snapshot_is_saved(
    run: Run, zookeeper: Ensemble, url: str, tmp_path: Path
) -> None:
    with contextlib.closing(ZooKeeperPlace(url).open()) as store:
        store.commit([Put(definition("/old"))])
        store.compact()
        store.commit([Put(definition("/new")), Delete(PodDefinition, f"/old@{definition().version}")], EVENTS)
    client = zookeeper.client()
    client.set(f"{address.parse(url).path}/snapshots/0000000001", b"garbage")
    client.stop()
    client.close()
    file = tmp_path / "b.gz"
    done = run("store", "export", "--readable", "--store", url, str(file))
    assert done.code == 1
    assert "snapshots/0000000001: its contents are not podexec's" in done.err
    assert read_backup(file).records == (definition("/new"),)


def test_of_a_snapshot_the_intact_groups_are_saved(
    run: Run, zookeeper: Ensemble, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.compaction.GROUP_BYTES", 1000)
    place = ZooKeeperPlace(url)
    with contextlib.closing(place.open()) as store:
        store.commit([Put(definition(f"/p{number}")) for number in range(10)], EVENTS)
    assert run("store", "compact", "--store", url).code == 0
    client, path = zookeeper.client(), address.parse(url).path
    client.delete(f"{path}/snapshots/0000000001/chunk-3")
    client.stop()
    client.close()
    file = tmp_path / "b.gz"
    done = run("store", "export", "--readable", "--store", url, str(file))
    assert "snapshots/0000000001/chunk-3: it is missing" in done.err
    saved = read_backup(file)
    assert 5 < len(saved.records) < 10
    assert saved.events == tuple(EVENTS)
