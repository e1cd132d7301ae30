"""The interface of all stores, and the failures of the one on disk."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from scheduler.core.frame import Delete, Put
from scheduler.loop.bus import KEPT, StreamEvent
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Framework, Instance, Pod
from scheduler.store import MemoryStore, SqliteStore, Store, StoreError, open_store
from scheduler.store.codec import Row, encode
from tests.store.places import Place, ZooKeeperPlace
from tests.store.samples import VERSION, all_records, definition, instance, pod, storied

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["memory", "sqlite", "zookeeper"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened: Store
    match request.param:
        case "memory":
            opened = MemoryStore()
        case "sqlite":
            opened = SqliteStore(tmp_path / "store.db")
        case _:
            opened = ZooKeeperPlace(request.getfixturevalue("url")).open()
    yield opened
    opened.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def _by_text(records: object) -> list[str]:
    assert isinstance(records, list)
    return sorted(map(repr, records))


# ------------------------------------------------------------------------ every store


def test_events_are_kept_in_order(store: Store) -> None:
    store.commit([Put(Framework("f"))], [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}")])
    store.commit([], [StreamEvent(3, "c", b"{}")])

    assert store.tail() == [StreamEvent(1, "a", b'{"n": 1}'), StreamEvent(2, "b", b"{}"), StreamEvent(3, "c", b"{}")]


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.load() == []


def test_what_was_committed_is_loaded(store: Store) -> None:
    store.commit([Put(record) for record in all_records()])
    assert _by_text(store.load()) == _by_text(all_records())


def test_what_happened_is_loaded_as_it_was_committed(store: Store) -> None:
    store.commit([Put(record) for record in all_records()])
    store.commit([Put(record) for record in storied()])
    loaded = [each for each in store.load() if isinstance(each, Pod | PodDefinition | Instance)]
    assert _by_text(loaded) == _by_text(storied())


def test_a_record_replaces_the_one_with_its_key(store: Store) -> None:
    store.commit([Put(Framework("old")), Put(Pod("/a", "1", "1"))])
    store.commit([Put(Framework("new")), Put(Pod("/a", "2", "1"))])
    assert _by_text(store.load()) == _by_text([Framework("new"), Pod("/a", "2", "1")])


def test_versions_of_a_definition_stand_side_by_side(store: Store) -> None:
    store.commit([Put(definition(version="v1")), Put(definition(version="v2"))])
    store.commit([Delete(PodDefinition, "/shop/web@v1")])
    assert store.load() == [definition(version="v2")]


def test_a_deleted_record_is_gone_and_deleting_it_again_is_no_error(store: Store) -> None:
    store.commit([Put(instance()), Put(pod())])
    store.commit([Delete(Instance, instance().id)])
    store.commit([Delete(Instance, instance().id)])
    assert store.load() == [pod()]


def test_changes_of_one_batch_apply_in_order(store: Store) -> None:
    store.commit([Put(pod()), Delete(Pod, "/shop/web"), Put(Pod("/b", "1", "1")), Put(Pod("/b", "2", "1"))])
    assert store.load() == [Pod("/b", "2", "1")]


def test_keys_are_any_text(store: Store) -> None:
    ids = ["/ünï/日本", "/a'b\"c;--", "/🚀", " ", "/a@b@c"]
    store.commit([Put(Pod(name, "1", "1")) for name in ids])
    store.commit([Delete(Pod, ids[1])])
    assert sorted(record.id for record in store.load() if isinstance(record, Pod)) == sorted([ids[0], *ids[2:]])


def test_closing_twice_is_no_error(store: Store) -> None:
    store.close()
    store.close()


# --------------------------------------------------------------------------- addresses


def test_a_url_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_store("memory:"), MemoryStore)
    open_store("sqlite:///relative/to/here.db").close()
    open_store(f"sqlite:///{tmp_path}/absolute.db").close()
    assert (tmp_path / "relative/to/here.db").exists()
    assert (tmp_path / "absolute.db").exists()


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite:///", "postgres://host/db", "/var/lib/podexec.db"])
def test_another_url_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///FILE"):
        open_store(url)


# ----------------------------------------------------------------- every durable store


def test_everything_is_there_after_a_restart(place: Place) -> None:
    first = place.open()
    first.commit([Put(record) for record in all_records()])
    first.close()
    second = place.open()
    assert _by_text(second.load()) == _by_text(all_records())
    second.close()


def test_a_second_opener_is_refused_until_the_first_is_gone(place: Place) -> None:
    first = place.open()
    with pytest.raises(StoreError, match="has it open"):
        place.open(wait=0.2)
    first.commit([Put(definition())])
    first.close()
    second = place.open()
    assert second.load() == [definition()]
    second.close()


def test_old_events_are_dropped(place: Place) -> None:
    store = place.open()
    for first in range(1, 3 * KEPT, 1000):
        store.commit([], [StreamEvent(number, "news", b"{}") for number in range(first, first + 1000)])
    tail = store.tail()
    store.close()

    assert KEPT <= len(tail) <= 2 * KEPT + 1000
    assert [each.number for each in tail] == list(range(tail[0].number, 3 * KEPT + 1))


def test_one_row_that_is_not_understood_fails_the_whole_load(place: Place) -> None:
    store = place.open()
    store.commit([Put(record) for record in all_records()])
    store.close()
    place.insert(Row("pod", "/broken", 1, b"\x00garbage"))
    with pytest.raises(StoreError, match="'/broken'"):
        place.open()


def test_a_row_of_a_newer_schema_fails_the_whole_load(place: Place) -> None:
    place.open().close()
    row = encode(pod())
    place.insert(Row(row.kind, row.key, row.version + 1, row.data))
    with pytest.raises(StoreError, match="'/shop/web'"):
        place.open()


def test_records_are_replaced_deleted_and_added_after_a_restart(place: Place) -> None:
    names = [f"/p{number}" for number in range(25)]
    with contextlib.closing(place.open()) as store:
        store.commit([Put(definition(name)) for name in names])
    for left in (names[1:], names[2:]):
        with contextlib.closing(place.open()) as store:
            store.commit([Put(definition(name)) for name in reversed(left)] + [Put(definition("/new"))])
            gone = names[names.index(left[0]) - 1]
            store.commit([Delete(PodDefinition, f"{gone}@{VERSION}"), Delete(PodDefinition, "/never@v")])
    with contextlib.closing(place.open()) as store:
        assert _by_text(store.load()) == _by_text([*map(definition, names[2:]), definition("/new")])


def test_a_closed_store_says_so_when_written(place: Place) -> None:
    store = place.open()
    store.close()
    with pytest.raises(StoreError, match="cannot write the store"):
        store.commit([Put(pod())])


_WRITER = textwrap.dedent(
    """
    import itertools, sys
    from tests.store.places import place_of
    from scheduler.core.frame import Put
    from scheduler.model.definition import PodDefinition
    from scheduler.model.records import Framework, Pod
    from scheduler.observe import log
    log.configure("critical")
    def definition(pod_id):
        container = {"name": "c", "exec": {"command": {"shell": "x"}}, "resources": {"cpus": 1, "mem": 1}}
        return PodDefinition.model_validate({"id": pod_id, "version": "v", "containers": (container,)})
    store = place_of(sys.argv[1]).open()
    store.commit([Put(definition(f"/{side}/{k}")) for side in "ab" for k in range(50)])
    for n in itertools.count(1):
        pods = [Put(Pod(f"/{side}/{n % 50}", "v", str(n))) for side in "ab"]
        store.commit([Put(Framework(str(n))), *pods])
        print(n, flush=True)
    """
)


@pytest.mark.parametrize("after", [1, 40, 300])
def test_a_kill_in_the_middle_of_commits_leaves_a_whole_number_of_them(place: Place, after: int) -> None:
    command = [sys.executable, "-c", _WRITER, place.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        told = 0
        for line in writer.stdout:
            told = int(line)
            if told == after:
                os.kill(writer.pid, signal.SIGKILL)
        told = max(told, after)
    store = place.open()
    records = store.load()
    store.close()
    stored = int(next(record.id for record in records if isinstance(record, Framework)))
    assert stored in (told, told + 1), "a commit that returned is missing, or one that did not begin is there"
    versions = {record.id: int(record.config_version) for record in records if isinstance(record, Pod)}
    expected = {n % 50: n for n in range(1, stored + 1)}
    assert versions == {f"/{side}/{k}": n for side in "ab" for k, n in expected.items()}


@pytest.mark.parametrize("count", [1, 9, 10, 11, 99, 100, 101, 347])
def test_commits_of_every_size_are_stored_whole_and_in_order(place: Place, count: int) -> None:
    pods = [Pod(f"/p{number}", "1", "1") for number in range(count)]
    with contextlib.closing(place.open()) as store:
        store.commit([Put(Pod("/p0", "0", "0")), Put(Pod("/q", "1", "1"))])
        store.commit([*map(Put, pods[: count // 2]), Delete(Pod, "/q"), *map(Put, pods[count // 2 :])])
        assert sorted(store.load(), key=str) == sorted(pods, key=str)


# ----------------------------------------------------------------------------- on disk


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    SqliteStore(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_is_an_error_and_nothing_of_the_batch_is_stored(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([Put(Framework("kept"))])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="full"):
        store.commit([Put(Framework("lost"))] + [Put(Pod(f"/{n}" + "x" * 500, "1", "1")) for n in range(500)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    assert store.load() == [Framework("kept")]
    store.commit([Put(Framework("after"))])
    assert store.load() == [Framework("after")]
    store.close()


def test_a_record_whose_deletion_failed_is_stored_once(path: Path) -> None:
    store = SqliteStore(path)
    store.commit([Put(Framework("f")), Put(Pod("/kept", "1", "1")), Put(definition())])
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="full"):
        store.commit([Delete(Pod, "/kept")] + [Put(Pod(f"/{n}" + "x" * 500, "1", "1")) for n in range(500)])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    replaced = replace(pod(), id="/kept", version=VERSION)
    store.commit([Put(replaced), Put(definition("/kept"))])
    assert [record for record in store.load() if isinstance(record, Pod)] == [replaced]
    store.close()
    with contextlib.closing(SqliteStore(path)) as again:
        assert [record for record in again.load() if isinstance(record, Pod)] == [replaced]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store\.db"):
        SqliteStore(tmp_path / "file" / "store.db")
