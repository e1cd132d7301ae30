"""The nodes of a store in ZooKeeper: what is refused, what a crash leaves behind, sizes, and access."""

import contextlib
import random
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoAuthError

from scheduler.core.frame import Delete, Put
from scheduler.loop.bus import StreamEvent
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Framework
from scheduler.store import StoreError, ZooKeeperStore, open_store
from scheduler.store.zookeeper import address, compaction, nodes
from scheduler.store.zookeeper.compaction import Compaction
from scheduler.store.zookeeper.nodes import seal
from scheduler.store.zookeeper.session import Session
from tests.store.places import opened
from tests.store.samples import all_records, definition
from tests.zookeeper import Ensemble


@pytest.fixture
def client(zookeeper: Ensemble) -> Iterator[KazooClient]:
    """Hands that are not the store's."""
    other = zookeeper.client()
    yield other
    other.stop()
    other.close()


@pytest.fixture
def at(url: str) -> str:
    return address.parse(url).path


@pytest.fixture
def whole(url: str) -> str:
    """A store with a snapshot of the commits 1 and 2, and two more commits; closed."""
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(record) for record in all_records()], [StreamEvent(1, "a", b'{"n": 1}')])
        store.commit([Put(definition("/b"))], [StreamEvent(2, "b", b"{}")])
        compact(store)
        store.commit([Put(definition("/c"))], [StreamEvent(3, "c", b"{}")])
        store.commit([Delete(PodDefinition, f"/b@{definition().version}")])
    return url


def compact(store: ZooKeeperStore) -> None:
    assert store._fence is not None
    Compaction(store.session, store._fence, store.position).run()


def contents(client: KazooClient, path: str) -> dict[str, bytes]:
    """All nodes at and below a path, but for those that change when a store is merely opened."""
    found = {path: client.get(path)[0]}
    for name in client.get_children(path):
        found |= contents(client, f"{path}/{name}")
    return found


def names(records: object) -> list[str]:
    assert isinstance(records, list)
    return sorted(map(repr, records))


def refusal(client: KazooClient, url: str) -> str:
    """Why the store is refused; nothing was changed."""
    at = address.parse(url).path
    before = contents(client, at)
    with pytest.raises(StoreError) as caught:
        opened(url)
    assert contents(client, at) == before
    return str(caught.value)


# -------------------------------------------------------------------------- a new store


@pytest.mark.parametrize("questions", range(8))
def test_a_store_that_another_process_makes_meanwhile_is_opened(
    url: str, monkeypatch: pytest.MonkeyPatch, questions: int
) -> None:
    """After so many questions of this process."""
    ask, left = Session._ask_all, [questions]

    def asked(session: Session, starts: Sequence[Callable[[], Any]]) -> list[Any]:
        left[0] -= 1
        if left[0] == -1:
            with contextlib.closing(opened(url)) as another:
                another.commit([Put(Framework("f"))])
        return ask(session, starts)

    monkeypatch.setattr(Session, "_ask_all", asked)
    with contextlib.closing(opened(url)) as store:
        assert left[0] < 0
        assert store.load() == [Framework("f")]


# ------------------------------------------------------------------------------ damage


@pytest.mark.parametrize(
    "node",
    [
        "log/0000000002",
        "log/0000000003",
        "log/0000000004",
        "snapshots/0000000002",
        "snapshots/0000000002/chunk-0",
        "snapshots/0000000002/chunk-1",
    ],
)
def test_a_changed_bit_is_found_and_its_node_named(client: KazooClient, whole: str, at: str, node: str) -> None:
    data, _ = client.get(f"{at}/{node}")
    place = random.Random(node).randrange(len(data))
    client.set(f"{at}/{node}", data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
    message = refusal(client, whole)
    assert node in message
    assert "Nothing was changed" in message
    assert "podexec store export --readable" in message


@pytest.mark.parametrize("node", ["log/0000000003", "snapshots/0000000002/chunk-0", "log/0000000002"])
def test_a_missing_node_is_named(client: KazooClient, whole: str, at: str, node: str) -> None:
    client.delete(f"{at}/{node}")
    message = refusal(client, whole)
    assert f"{node}: it is missing" in message


@pytest.mark.parametrize("node", ["layout", "epoch", "log", "snapshots", "parts"])
def test_a_missing_part_of_the_layout_is_named(client: KazooClient, whole: str, at: str, node: str) -> None:
    client.delete(f"{at}/{node}", recursive=True)
    assert f"{node}: it is missing" in refusal(client, whole)


def test_entries_at_the_wrong_place_are_found(client: KazooClient, whole: str, at: str) -> None:
    third, _ = client.get(f"{at}/log/0000000003")
    client.set(f"{at}/log/0000000004", third)
    assert "log/0000000004: its checksum is wrong" in refusal(client, whole)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it has no contents"),
        (b"\x00" * 300, "its contents are not podexec's"),
        (seal("log/0000000004", b"\xc1"), "not what was expected"),
        (seal("log/0000000004", b"[" * 100_000), "not what was expected"),
        (seal("log/0000000004", b"\x95\xa6commit\x01"), "not what was expected"),
        (seal("log/0000000004", b"")[:4] + b"\x02" + bytes(20), "a newer podexec wrote it (format 2, this one knows 1"),
        (seal("log/0000000004", bytes(1 << 20)), "larger than 0 MiB"),
    ],
    ids=["empty", "zeros", "no-msgpack", "deep", "cut-off", "newer", "bomb"],
)
def test_contents_that_are_no_commit_are_refused(
    client: KazooClient, whole: str, at: str, data: bytes, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "MOST_BYTES", 1 << 19)
    client.set(f"{at}/log/0000000004", data)
    message = refusal(client, whole)
    assert "log/0000000004" in message
    assert why in message


def test_a_newer_layout_is_refused(client: KazooClient, whole: str, at: str) -> None:
    client.set(f"{at}/layout", b'{"application": "podexec", "layout": 2}')
    assert "written by a newer podexec (layout 2, this one knows 1)" in refusal(client, whole)


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b'{"application": "podexec"}'])
def test_a_layout_that_is_none_is_refused(client: KazooClient, whole: str, at: str, data: bytes) -> None:
    client.set(f"{at}/layout", data)
    assert "layout: it is not readable" in refusal(client, whole)


def test_another_programs_nodes_are_left_alone(client: KazooClient, url: str, at: str) -> None:
    client.create(f"{at}/[31mleader/größe", b"mine", makepath=True)
    message = refusal(client, url)
    assert "another program" in message
    assert "'[31mleader'" in message


def test_a_store_of_an_epoch_that_nobody_can_read_is_refused(client: KazooClient, whole: str, at: str) -> None:
    client.set(f"{at}/epoch", b"{")
    assert "epoch: it does not say who wrote last" in refusal(client, whole)


def test_a_reference_to_a_missing_record_is_found(client: KazooClient, url: str) -> None:
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(record) for record in all_records() if not isinstance(record, PodDefinition)])
    assert "whose definition is missing" in refusal(client, url)


def test_a_commit_that_the_servers_lost_ends_the_writer(client: KazooClient, url: str, at: str) -> None:
    """As ZooKeeper 3.8.0 may do after it acknowledged it (ZOOKEEPER-4643)."""
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(Framework("f"))])
        store.commit([Put(Framework("g"))])
        client.delete(f"{at}/log/0000000002")
        for _ in range(2):
            with pytest.raises(StoreError, match="log/0000000002: it was stored and has been lost since"):
                store.commit([Put(Framework("h"))])
    assert sorted(client.get_children(f"{at}/log")) == ["0000000000", "0000000001"]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_commit_that_the_servers_lost_stops_a_follower(
    client: KazooClient, url: str, at: str, *, replaced: bool
) -> None:
    with contextlib.closing(opened(url)) as store, contextlib.closing(ZooKeeperStore(url)) as follower:
        store.commit([Put(Framework("f"))])
        follower.load()
        store.close()
        client.delete(f"{at}/log/0000000001")
        if replaced:
            with contextlib.closing(opened(url)) as another:
                another.commit([Put(Framework("g"))])
        with pytest.raises(StoreError, match=f"log/0000000001: .* has been {'replaced' if replaced else 'lost'} since"):
            follower.lead(1.0)


# --------------------------------------------------------------------------- compaction


def test_a_compacted_store_has_the_same_contents(client: KazooClient, whole: str, at: str) -> None:
    with contextlib.closing(opened(whole)) as store:
        records, events = names(store.load()), store.tail()
        compact(store)
        assert client.get_children(f"{at}/snapshots") == ["0000000004"]
    with contextlib.closing(opened(whole)) as again:
        assert (names(again.load()), again.tail()) == (records, events)
        assert [each.number for each in events] == [1, 2, 3]
        again.commit([Put(Framework("next"))])


class Crash(BaseException):
    """In place of the end of the process."""


def crash_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> list[int]:
    """Let only so many more writes be carried out. Returns a list of how many are left."""
    carry_out, left = Session.transact, [writes]

    def transact(session: Session, build: Callable[[TransactionRequest], None], deadline: float) -> list[Exception]:
        if not left[0]:
            raise Crash
        left[0] -= 1
        return carry_out(session, build, deadline)

    monkeypatch.setattr(Session, "transact", transact)
    return left


def test_a_crash_at_any_point_of_a_compaction_leaves_a_store_that_loads(
    client: KazooClient, url: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write is the last one in turn; the next scheduler finds the same, and removes what was left."""
    monkeypatch.setattr(compaction, "GROUP_BYTES", 1500)
    monkeypatch.setattr(compaction, "KEPT_ENTRIES", 1)
    monkeypatch.setattr(compaction, "_REMOVED_AT_ONCE", 2)
    monkeypatch.setattr(nodes, "NODE_BYTES", 300)
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(record) for record in all_records()], [StreamEvent(1, "a", b"{}")])
    complete = False
    for writes in range(100):
        with contextlib.closing(opened(url)) as store:
            for number in (2 * writes + 2, 2 * writes + 3):
                store.commit([Put(Framework(str(number)))], [StreamEvent(number, "a", b"{}")])
            with monkeypatch.context() as until_the_crash, contextlib.suppress(Crash):
                left = crash_after(until_the_crash, writes)
                compact(store)
                complete = left[0] > 0
        with contextlib.closing(opened(url)) as again:
            assert names(again.load()) == names([*all_records()[1:], Framework(str(2 * writes + 3))])
            assert [each.number for each in again.tail()] == list(range(1, 2 * writes + 4))
            if complete:
                break
            if writes % 4 == 3:
                compact(again)
                assert client.get_children(f"{at}/snapshots") == [f"{again.position:010}"]
    assert complete, "the compaction had more writes than were tried"
    assert writes > 10


def test_a_log_is_compacted_while_it_grows(
    client: KazooClient, url: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.compactor.ENTRIES", 20)
    monkeypatch.setattr(compaction, "KEPT_ENTRIES", 5)
    with contextlib.closing(opened(url)) as store:
        for number in range(200):
            store.commit([Put(definition(f"/p{number % 7}")), Put(Framework(str(number)))])
    assert len(client.get_children(f"{at}/log")) < 100
    with contextlib.closing(opened(url)) as again:
        assert names(again.load()) == names([Framework("199"), *(definition(f"/p{number}") for number in range(7))])


def test_a_log_that_cannot_be_compacted_ends_the_writer_before_it_is_too_long(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.compactor.ENTRIES", 2)

    def refused(_: Compaction) -> object:
        raise StoreError("the reason")

    monkeypatch.setattr(Compaction, "run", refused)
    with contextlib.closing(opened(url)) as store:
        with pytest.raises(StoreError, match="cannot be compacted: the reason"):
            commit_for_ever(store)
        assert 2 < store.position < 20


def commit_for_ever(store: ZooKeeperStore) -> None:
    for number in range(1000):
        store.commit([Put(Framework(str(number)))])


# -------------------------------------------------------------------------------- sizes


def test_a_commit_that_is_larger_than_a_node(client: KazooClient, url: str, at: str) -> None:
    """Its text is random, and so as large when it is compressed."""
    random_text = random.Random(1)
    ids = [f"/p{number}-" + random_text.randbytes(65_000).hex() for number in range(9 + 12)]
    with contextlib.closing(opened(url)) as store, contextlib.closing(ZooKeeperStore(url)) as follower:
        follower.load()
        store.commit([Put(definition(each)) for each in ids])
        store.commit([Put(Framework("f"))])
        assert len(client.get_children(f"{at}/parts")) > 2
        assert [len(each.changes) for each in follower.follow(10.0)] == [21, 1]
        compact(store)
    with contextlib.closing(opened(url)) as again:
        assert names(again.load()) == names([Framework("f"), *map(definition, ids)])


def test_parts_without_their_entry_are_ignored_and_removed(
    client: KazooClient, url: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "KEPT_ENTRIES", 0)
    with contextlib.closing(opened(url)) as store:
        client.create(f"{at}/parts/0000000001-abc-0", b"left by a crash")
        for number in range(3):
            store.commit([Put(Framework(str(number)))])
        assert store.load() == [Framework("2")]
        compact(store)
    assert client.get_children(f"{at}/parts") == []


def test_a_missing_part_is_found(client: KazooClient, url: str, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.appending.NODE_BYTES", 100)
    monkeypatch.setattr(nodes, "NODE_BYTES", 100)
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(definition())])
    first = min(client.get_children(f"{at}/parts"))
    client.delete(f"{at}/parts/{first}")
    assert "a part of log/0000000001: it is missing" in refusal(client, url)


def test_a_commit_that_is_too_large_is_refused_and_the_next_one_is_not(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.appending.MOST_COMMIT_BYTES", 60_000)
    with contextlib.closing(opened(url)) as store:
        with pytest.raises(StoreError, match="is too large"):
            store.commit([Put(definition("/" + random.Random(1).randbytes(65_000).hex()))])
        store.commit([Put(Framework("f"))])
        assert store.load() == [Framework("f")]


# ------------------------------------------------------------------------------- access


def test_with_a_login_nobody_else_may_read_or_write(
    client: KazooClient, zookeeper: Ensemble, at: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = zookeeper.url(at, login="pod%40exec:h%2Fsh")
    with contextlib.closing(opened(url)) as store:
        store.commit([Put(Framework("f"))])
        compact(store)
    for name in ["", "/log", "/log/0000000001", "/epoch", "/snapshots/0000000001", "/snapshots/0000000001/chunk-0"]:
        with pytest.raises(NoAuthError):
            client.get(f"{at}{name}")
    for wrong in (zookeeper.url(at), zookeeper.url(at, login="podexec:other")):
        with pytest.raises(StoreError, match=r"access was refused\. Check USER:PASSWORD in --store") as caught:
            opened(wrong)
        assert "other" not in str(caught.value)
    with contextlib.closing(opened(url)) as store:
        assert store.load() == [Framework("f")]
    client.add_auth("digest", "pod@exec:h/sh")
    assert client.get(f"{at}/log/0000000001")[0]
    printed = "".join(capfd.readouterr())
    for secret in ("h/sh", "h%2Fsh", "pod@exec"):
        assert secret not in printed
        assert secret not in repr(address.parse(url))


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("zk://", id="nothing"),
        pytest.param("zk:///a", id="no-host"),
        pytest.param("zk://h:1", id="no-path"),
        pytest.param("zk://h/", id="empty-path"),
        pytest.param("zk://h:1//", id="slashes"),
        pytest.param("zk://h/a/../b", id="dots"),
        pytest.param("zk://h/a\x1b[2J", id="control-character"),
        pytest.param("zk://h:x/a", id="no-number"),
        pytest.param("zk://h:0/a", id="port-0"),
        pytest.param("zk://h:65536/a", id="port-65536"),
        pytest.param("zk://h,/a", id="comma"),
        pytest.param("zk://h /a", id="space"),
        pytest.param("zk://[::1/a", id="bracket"),
        pytest.param("zk://me@h/a", id="no-password"),
        pytest.param("zk://:hush@h/a", id="no-user"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(StoreError, match=re.escape("zk://[USER:PASSWORD@]HOST:PORT,HOST:PORT/PATH")) as caught:
        open_store(url)
    assert "hush" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_addresses() -> None:
    found = address.parse("zk://ada:p:w%40@one,two:2182,[::1]:3/deep/er/")
    assert (found.hosts, found.path, found.login) == (("one:2181", "two:2182", "[::1]:3"), "/deep/er", "ada:p:w@")
    assert str(found) == "zk://one:2181,two:2182,[::1]:3/deep/er"
    assert address.parse("zk://h/a").login is None
    assert address.parse("zk://h//a//b/").path == "/a/b"
