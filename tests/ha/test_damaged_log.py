"""A standby whose log does not fit together: it says so, and does not lead with it."""

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import uuid4

import pytest

from scheduler.cli import following as module
from scheduler.cli.following import Following
from scheduler.cli.standing import Standing
from scheduler.core.frame import Change, Put
from scheduler.core.world import World
from scheduler.model.records import Framework
from scheduler.store.base import StoreError
from scheduler.store.zookeeper import ZooKeeperStore
from tests.core.support import settings
from tests.store.samples import instance
from tests.zookeeper import Ensemble

OWN = "http://127.0.0.1:1"
PATIENCE = 20.0  # seconds


@pytest.fixture
def url(zookeeper: Ensemble) -> str:
    """The URL of a new store."""
    return zookeeper.url(f"/tests/{uuid4().hex}")


def commit(url: str, *changes: Change) -> None:
    """Write a commit, as another scheduler that leads."""
    with contextlib.closing(ZooKeeperStore(url)) as store:
        store.load()
        store.lead(PATIENCE)
        store.commit(changes)


async def follow(url: str, *changes: Change, is_candidate: bool = True) -> None:
    """Follow what another scheduler writes, and then take over, unless this one is no candidate."""
    following = Following(settings(), Standing(OWN), OWN)
    try:
        store = await following.open(lambda: ZooKeeperStore(url))
        await asyncio.to_thread(commit, url, *changes)
        if is_candidate:
            following.enter_election(store)
        async with asyncio.timeout(PATIENCE):
            await following.until_elected(store)
            while not await following.takes_over(store, PATIENCE):
                await following.until_elected(store)
    finally:
        await following.close()


def test_it_leads_with_what_fits(url: str) -> None:
    asyncio.run(follow(url, Put(Framework("f"))))


def test_it_does_not_lead_without_a_record_that_another_one_needs(url: str) -> None:
    missing = r"records are missing in the store: the instance 'shop_web\.instance-1' refers to version .* is missing"
    with pytest.raises(StoreError, match=missing):
        asyncio.run(follow(url, Put(Framework("f")), Put(instance())))


def test_a_commit_that_does_not_fit_is_no_half_truth(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It used to be applied in part, and the rest was a traceback in the log."""

    def fails(_world: World, _changes: Sequence[Change]) -> None:
        raise KeyError("/shop/web@1")

    monkeypatch.setattr(module, "apply", fails)
    why = r"commit 1 in the store does not fit those before it \(KeyError\('/shop/web@1'\)\)"
    with pytest.raises(StoreError, match=why):
        asyncio.run(follow(url, Put(Framework("f")), is_candidate=False))
