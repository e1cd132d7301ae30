"""Faults of servers, networks and other schedulers, under a store in ZooKeeper. Every one is real."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.handlers.threading import KazooTimeoutError

from scheduler.core.frame import Put
from scheduler.loop.bus import StreamEvent
from scheduler.loop.clock import steady
from scheduler.model.records import Framework, Pod
from scheduler.store import StoreError, ZooKeeperStore
from scheduler.store.replicated import BehindError, DeposedError, Entry
from scheduler.store.zookeeper import address
from tests.relay import Cut, Relay
from tests.store.places import opened
from tests.store.samples import all_records, definition
from tests.zookeeper import Ensemble, Server

WAIT = 30.0


def path_of(url: str) -> str:
    return address.parse(url).path


def through(relay: Relay, url: str) -> str:
    """The URL of the same store through a relay."""
    return f"zk://127.0.0.1:{relay.port}{path_of(url)}"


def expire(store: ZooKeeperStore) -> None:
    """End the session, as the ensemble does with that of a process it no longer hears of."""
    ended = threading.Event()
    store.session.listen(ended.set)
    which, deadline = store.session.client.client_id, time.monotonic() + WAIT
    while not ended.is_set():
        assert time.monotonic() < deadline, "the store did not hear of the end of its session"
        # The store may take its session back before this client has closed it.
        client = KazooClient(",".join(store.session.address.hosts), client_id=which)
        with contextlib.suppress(KazooTimeoutError):
            client.start()
            client.stop()
        client.close()
        ended.wait(1.0)


def ids(store: ZooKeeperStore) -> list[str]:
    return [record.id for record in store.load() if isinstance(record, Framework)]


@pytest.fixture
def relay(zookeeper: Ensemble) -> Iterator[Relay]:
    with Relay(zookeeper.servers[0].port) as running:
        yield running


@pytest.fixture
def store(url: str) -> Iterator[ZooKeeperStore]:
    """The writer."""
    with contextlib.closing(opened(url)) as writer:
        yield writer


@pytest.fixture
def follower(url: str, store: ZooKeeperStore) -> Iterator[ZooKeeperStore]:
    """Another process' side of the store; it has loaded."""
    with contextlib.closing(ZooKeeperStore(url)) as standby:
        standby.load()
        yield standby


# -------------------------------------------------------------------- uncertain commits


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_commit_whose_connection_is_lost_is_stored_once(relay: Relay, url: str, what: Cut) -> None:
    with contextlib.closing(opened(through(relay, url))) as store:
        store.commit([Put(Framework("before"))], [StreamEvent(1, "a", b"{}")])
        relay.cut_at(what, 250)
        store.commit([Put(Framework("f" * 130_000))], [StreamEvent(2, "a", b"{}")])
        assert relay.cuts == 1
        assert store.position == 2
        store.commit([Put(Framework("after"))], [StreamEvent(3, "a", b"{}")])
        assert ids(store) == ["after"]
        assert [each.number for each in store.tail()] == [1, 2, 3]


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_takeover_whose_connection_is_lost_is_one(relay: Relay, url: str, what: Cut) -> None:
    with contextlib.closing(ZooKeeperStore(through(relay, url))) as store:
        store.load()
        relay.cut_at(what, 250)
        store.lead(WAIT)
        assert relay.cuts == 1
        assert store.epoch == 1
        store.commit([Put(Framework("f"))])
    with contextlib.closing(opened(url)) as second:
        assert second.epoch == 2
        assert ids(second) == ["f"]


def test_a_commit_that_is_not_answered_ends_with_an_error_that_says_so(relay: Relay, url: str) -> None:
    with contextlib.closing(opened(through(relay, url), patience=0.5)) as store:
        relay.close()
        with pytest.raises(StoreError, match=r"lost the store zk://.*ZooKeeper did not answer") as caught:
            store.commit([Put(Framework("f"))])
        assert "may have been stored or not" in str(caught.value)
        assert "Check the ZooKeeper servers" in str(caught.value)


def test_a_server_that_is_killed_during_a_commit_and_comes_back(tmp_path: Path) -> None:
    with Ensemble(tmp_path, 1) as ensemble, ThreadPoolExecutor(1) as thread:
        server = ensemble.servers[0]
        with contextlib.closing(opened(ensemble.url("/store"), patience=60)) as store:
            store.commit([Put(Framework("before"))])
            server.suspend()
            committing = thread.submit(store.commit, [Put(Framework("during"))])
            server.kill()
            server.start()
            committing.result(60)
            store.commit([Put(Pod("/p", "1", "1"))])
            assert ids(store) == ["during"]
            assert store.position == 3


# -------------------------------------------------------------------------- quorum


def test_a_quorum_that_is_lost_and_found_again(tmp_path: Path) -> None:
    """Without a quorum nothing is stored, and the lease ends; with it, the waiting commit is carried out."""
    with (
        Ensemble(tmp_path, 3) as ensemble,
        ThreadPoolExecutor(1) as thread,
        contextlib.closing(opened(ensemble.url("/store"), timeout=4.0, patience=90)) as store,
    ):
        store.commit([Put(Framework("before"))])
        lost: list[Server] = ensemble.servers[:2]
        for each in lost:
            each.kill()
        at_most = time.monotonic() + 4.0
        committing = thread.submit(store.commit, [Put(Framework("during"))])
        assert store.lease() < at_most
        assert not committing.done()
        for each in lost:
            each.start()
        committing.result(90)
        assert ids(store) == ["during"]
        with contextlib.closing(ZooKeeperStore(ensemble.url("/store"))) as other:
            assert ids(other) == ["during"]


# ------------------------------------------------------------------ sessions and epochs


def test_a_scheduler_alone_goes_on_after_its_session_expired(store: ZooKeeperStore, url: str) -> None:
    store.commit([Put(Framework("before"))])
    expire(store)
    store.commit([Put(Framework("after"))])
    _until(lambda: store.lease() > time.monotonic(), "it has a lease again")
    with contextlib.closing(ZooKeeperStore(url)) as other:
        assert ids(other) == ["after"]
        with pytest.raises(StoreError, match="another scheduler has it open"):
            other.lead(0.0)


def test_a_scheduler_with_standbys_ends_with_its_session(url: str) -> None:
    with contextlib.closing(opened(url, resumes=False)) as store:
        told: list[StoreError] = []
        heard = threading.Event()
        store.listen(lambda error: (told.append(error), heard.set())[0])
        expire(store)
        assert store.lease() <= time.monotonic()
        assert heard.wait(WAIT)
        with pytest.raises(DeposedError, match="session expired"):
            store.commit([Put(Framework("late"))])
        assert [type(each) for each in told] == [DeposedError]
    with contextlib.closing(opened(url)) as again:
        assert again.load() == []


def test_an_older_writer_stores_nothing_once_another_took_over(url: str) -> None:
    """As after a pause: its session ended, and it does not know."""
    with contextlib.closing(opened(url)) as old, contextlib.closing(ZooKeeperStore(url)) as new:
        old.commit([Put(Framework("old"))], [StreamEvent(1, "a", b"{}")])
        new.load()
        old._lease.close()  # it hears of nothing, and asks nothing
        expire(old)
        assert not new.lead(WAIT)
        assert (old.epoch, new.epoch) == (1, 2)
        new.commit([Put(Framework("new"))], [StreamEvent(2, "a", b"{}")])
        for _ in range(2):
            with pytest.raises(DeposedError, match=r"another scheduler took over \(process \d+ on '"):
                old.commit([Put(Framework("late"))], [StreamEvent(2, "a", b"{}")])
        new.commit([Put(Framework("newer"))], [StreamEvent(3, "a", b"{}")])
        assert ids(new) == ["newer"]


def test_an_older_writer_also_hears_of_it_without_a_commit(url: str) -> None:
    with contextlib.closing(opened(url, timeout=4.0)) as old, contextlib.closing(ZooKeeperStore(url)) as new:
        heard = threading.Event()
        old.listen(lambda _: heard.set())
        new.load()
        with contextlib.suppress(StoreError):
            old.session.client.delete(f"{path_of(url)}/writer")
        new.lead(WAIT)
        assert heard.wait(WAIT)
        assert old.lease() <= time.monotonic()


def test_nobody_takes_over_before_the_lease_ends(relay: Relay, url: str) -> None:
    """The connection is cut in both directions; the other waits for the session, and that lasts longer."""
    with (
        contextlib.closing(opened(through(relay, url), timeout=2.0)) as cut,
        contextlib.closing(ZooKeeperStore(url, timeout=2.0)) as other,
    ):
        other.load()
        assert cut.lease() > time.monotonic()
        relay.close()
        other.lead(WAIT)
        assert cut.lease() < time.monotonic()
        assert other.lease() > time.monotonic()


def test_the_lease_is_renewed_while_nothing_is_committed(store: ZooKeeperStore) -> None:
    first = store.lease()
    assert time.monotonic() < first < time.monotonic() + store.session.timeout
    _until(lambda: store.lease() > first + 0.1, "it is later than before")


def test_the_lease_also_ends_while_the_machine_is_suspended(
    store: ZooKeeperStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = steady()
    with monkeypatch.context() as suspended:
        suspended.setattr("scheduler.store.zookeeper.lease.steady", lambda: before + store.session.timeout)
        assert store.lease() < time.monotonic()


def test_a_writer_that_closes_hands_over_at_once(store: ZooKeeperStore, follower: ZooKeeperStore) -> None:
    store.commit([Put(Framework("f"))])
    store.close()
    begun = time.monotonic()
    assert [each.position for each in follower.lead(WAIT)] == [1]
    assert time.monotonic() - begun < store.session.timeout / 2
    assert store.lease() < time.monotonic()


# -------------------------------------------------------------------------- followers


def test_a_follower_reads_each_commit_once_and_in_order(store: ZooKeeperStore, follower: ZooKeeperStore) -> None:
    for number in range(1, 41):
        store.commit([Put(Framework(f"f{number}"))], [StreamEvent(number, "a", b"{}")])
    entries: list[Entry] = []
    while len(entries) < 40:
        some = follower.follow(WAIT)
        assert some, f"only {len(entries)} entries came"
        entries += some
    assert [each.position for each in entries] == list(range(1, 41))
    assert entries[6] == Entry(7, 1, (Put(Framework("f7")),), (StreamEvent(7, "a", b"{}"),))
    assert follower.position == store.position
    assert not follower.follow(0.0)


def test_a_follower_is_woken_by_a_commit(store: ZooKeeperStore, follower: ZooKeeperStore) -> None:
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(follower.follow, WAIT)
        store.commit([Put(record) for record in all_records()])
        [entry] = waiting.result(WAIT / 2)
    assert entry.changes == tuple(Put(record) for record in all_records())


def test_a_follower_that_was_cut_off_continues(relay: Relay, url: str, store: ZooKeeperStore) -> None:
    with contextlib.closing(ZooKeeperStore(through(relay, url))) as follower, ThreadPoolExecutor(1) as thread:
        follower.load()
        relay.close()
        waiting = thread.submit(follower.follow, WAIT)
        store.commit([Put(Framework("f"))])
        assert not waiting.done()
        relay.open()
        assert [each.position for each in waiting.result(WAIT)] == [1]


def test_a_follower_without_servers_goes_on_asking(relay: Relay, url: str, store: ZooKeeperStore) -> None:
    with contextlib.closing(ZooKeeperStore(through(relay, url), patience=0.3)) as follower:
        follower.load()
        relay.close()
        for _ in range(3):
            assert not follower.follow(0.2)
        store.commit([Put(Framework("f"))])
        relay.open()
        _until(lambda: [each.position for each in follower.follow(1.0)] == [1], "it follows again")


def test_a_follower_becomes_the_writer_from_where_it_is(store: ZooKeeperStore, follower: ZooKeeperStore) -> None:
    store.commit([Put(definition("/a"))])
    follower.follow(WAIT)
    store.commit([Put(definition("/b"))], [StreamEvent(1, "a", b"{}")])
    store.close()
    missed = follower.lead(WAIT)
    assert [each.changes for each in missed] == [(Put(definition("/b")),)]
    follower.commit([Put(definition("/c"))], [StreamEvent(2, "a", b"{}")])
    assert follower.load() == [definition("/a"), definition("/b"), definition("/c")]


def test_a_follower_that_is_far_behind_has_to_load_again(
    store: ZooKeeperStore, follower: ZooKeeperStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.store.zookeeper.compactor.ENTRIES", 10)
    monkeypatch.setattr("scheduler.store.zookeeper.compaction.KEPT_ENTRIES", 2)
    for number in range(30):
        store.commit([Put(Framework(f"f{number}"))])
    log = f"{store.session.path}/log/0000000001"
    _until(lambda: store.session.get(log) is None, "the log is compacted")
    store.close()
    with pytest.raises(BehindError, match="no longer has the commit 1"):
        follower.follow(0.0)
    assert ids(follower) == ["f29"]
    assert not follower.lead(WAIT)
    follower.commit([Put(Framework("next"))])
    assert ids(follower) == ["next"]


def test_a_store_that_cannot_be_read_keeps_its_epoch(
    zookeeper: Ensemble, store: ZooKeeperStore, follower: ZooKeeperStore
) -> None:
    store.commit([Put(Framework("f"))])
    store.commit([Put(Framework("g"))])
    store.session.client.set(f"{store.session.path}/log/0000000002", b"garbage")
    store.close()
    with pytest.raises(StoreError, match="log/0000000002"):
        follower.lead(WAIT)
    client = zookeeper.client()
    assert client.get(f"{store.session.path}/epoch")[1].version == 1
    assert client.exists(f"{store.session.path}/writer") is None
    client.stop()
    client.close()


def test_a_follower_whose_last_entry_was_compacted_but_not_the_next_one(
    store: ZooKeeperStore, follower: ZooKeeperStore
) -> None:
    store.commit([Put(Framework("f"))])
    store.compact()
    store.close()
    assert [each.position for each in follower.lead(WAIT)] == [1]


def test_events_with_a_gap_are_refused_before_anything_is_stored(store: ZooKeeperStore) -> None:
    store.commit([], [StreamEvent(7, "a", b"{}")])
    for events in ([StreamEvent(9, "a", b"{}")], [StreamEvent(8, "a", b"{}"), StreamEvent(10, "a", b"{}")]):
        with pytest.raises(StoreError, match="does not follow"):
            store.commit([Put(Framework("f"))], events)
    store.commit([Put(Framework("g"))], [StreamEvent(8, "a", b"{}")])
    assert [each.number for each in store.tail()] == [7, 8]
    assert ids(store) == ["g"]


def _until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT
    while not is_true():
        assert time.monotonic() < deadline, f"not within {WAIT:g} s: {what}"
        time.sleep(0.01)
