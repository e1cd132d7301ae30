"""The election, on a real ZooKeeper: who is first, and what others can do to it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from scheduler.leader import Election
from scheduler.store.zookeeper import ZooKeeperStore
from tests.ha.stage import wait_for
from tests.zookeeper import Ensemble

Seen = list[tuple[tuple[str, ...], bool]]


@pytest.fixture(scope="module")
def url(zookeeper: Ensemble) -> str:
    """The URL of a store for the sessions of candidates."""
    return zookeeper.url(f"/tests/{uuid4().hex}")


@contextmanager
def candidate(url: str, own: str) -> Iterator[tuple[Election, Seen, ZooKeeperStore]]:
    """One that takes part, and what it was told."""
    seen: Seen = []
    store = ZooKeeperStore(url)
    election = Election(store.session, own, lambda urls, is_first: seen.append((urls, is_first)))
    election.enter()
    try:
        yield election, seen, store
    finally:
        election.resign()
        store.close()


def told(seen: Seen, *urls: str, is_first: bool) -> None:
    """Wait until it was told this last."""
    wait_for(f"{urls} {is_first}", lambda: bool(seen) and seen[-1] == (urls, is_first))


def test_the_next_one_is_first_as_soon_as_the_first_resigns(url: str) -> None:
    with candidate(url, "http://a:1") as (first, of_a, _):
        told(of_a, "http://a:1", is_first=True)
        with candidate(url, "http://b:2") as (_, of_b, _):
            told(of_a, "http://a:1", "http://b:2", is_first=True)
            told(of_b, "http://a:1", "http://b:2", is_first=False)
            first.resign()
            told(of_b, "http://b:2", is_first=True)


def test_a_session_that_ends_is_the_end_of_its_candidate(url: str) -> None:
    with candidate(url, "http://a:1") as (_, of_a, store), candidate(url, "http://b:2") as (_, of_b, _):
        told(of_a, "http://a:1", "http://b:2", is_first=True)
        store.close()
        told(of_b, "http://b:2", is_first=True)


def test_a_node_that_somebody_deletes_is_made_again_at_the_end(url: str) -> None:
    with candidate(url, "http://a:1") as (_, of_a, store), candidate(url, "http://b:2") as (_, of_b, _):
        told(of_b, "http://a:1", "http://b:2", is_first=False)
        client = store.session.client
        first = min(client.get_children(f"{store.session.path}/election"), key=lambda each: each[-10:])
        client.delete(f"{store.session.path}/election/{first}")
        told(of_b, "http://b:2", "http://a:1", is_first=True)
        told(of_a, "http://b:2", "http://a:1", is_first=False)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"http://evil:1\r\nSet-Cookie: a=b", b"file:///etc", b"http://" + b"x" * 1000], ids=range(5)
)
def test_nodes_without_a_url_are_of_nobody(url: str, data: bytes) -> None:
    with candidate(url, "http://a:1") as (_, of_a, store):
        told(of_a, "http://a:1", is_first=True)
        folder = f"{store.session.path}/election"
        behind = store.session.client.create(f"{folder}/candidate-", data, sequence=True, ephemeral=True)
        ahead = store.session.client.create(f"{folder}/candidate--000000001", data, ephemeral=True)
        told(of_a, is_first=False)
        store.session.client.delete(ahead)
        told(of_a, "http://a:1", is_first=True)
        store.session.client.delete(behind)


def test_it_ends_with_its_threads(url: str) -> None:
    with candidate(url, "http://a:1") as (_, of_a, _):
        told(of_a, "http://a:1", is_first=True)
    wait_for("no thread", lambda: not [each for each in threading.enumerate() if each.name == "election"])
