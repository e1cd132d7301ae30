"""Nothing that is not durable can be read over the API."""

import asyncio
import threading
from collections.abc import Sequence

import httpx2
import pytest
from structlog.testing import capture_logs

from scheduler.core.frame import Change
from scheduler.loop.bus import StreamEvent
from scheduler.loop.event_loop import LoopError
from scheduler.loop.ports import StoreError
from scheduler.store import MemoryStore
from tests.api.live import DEADLINE, Live, live

POD = {"id": "/pod", "containers": [{"name": "one", "resources": {}}]}


class Slow(MemoryStore):
    """A store whose commits wait for ``go`` and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.entered = threading.Event()
        self.fails = False

    def commit(self, changes: Sequence[Change], events: Sequence[StreamEvent] = ()) -> None:
        self.entered.set()
        assert self.go.wait(DEADLINE)
        if self.fails:
            raise StoreError("disk full")
        super().commit(changes, events)


async def _posting(api: Live, store: Slow) -> "asyncio.Task[httpx2.Response]":
    """A pod that is in the world, and not in the store yet."""
    posting = asyncio.create_task(api.client.post("/v2/pods", json=POD))
    async with asyncio.timeout(DEADLINE):
        while not store.entered.is_set():
            await asyncio.sleep(0.001)
    return posting


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/pods", 200),
        ("/v2/pods/pod", 200),
        ("/v2/pods::status", 200),
        ("/v2/pods/pod::versions", 200),
        ("/v2/pods/other", 404),
        ("/v2/pods/pod::files", 404),
        ("/v2/groups", 200),
        ("/v2/queue", 200),
        ("/v2/deployments", 200),
        ("/v2/info", 200),
        ("/metrics", 200),
    ],
)
def test_readers_get_their_answers_once_what_they_read_is_durable(path: str, status: int) -> None:
    async def scenario() -> None:
        store = Slow()
        try:
            async with live(store) as api:
                posting = await _posting(api, store)
                reading = asyncio.create_task(api.client.get(path))
                await asyncio.wait((posting, reading), timeout=0.1)
                assert not posting.done()
                assert not reading.done()
                store.go.set()
                assert (await posting).status_code == 201
                assert (await reading).status_code == status
        finally:
            store.go.set()

    asyncio.run(scenario())


def test_events_are_sent_once_they_are_durable() -> None:
    async def scenario() -> None:
        store = Slow()
        try:
            async with live(store) as api, api.events() as reader:
                assert (await reader.next(comments=True)).kind is None
                following = asyncio.create_task(reader.next())
                await asyncio.wait((following,), timeout=0.1)
                assert not following.done()
                store.go.set()
                assert (await following).kind == "event_stream_attached"
        finally:
            store.go.set()

    asyncio.run(scenario())


def test_nobody_reads_what_a_failed_commit_lost() -> None:
    async def scenario() -> None:
        store = Slow()
        async with live(store) as api:
            posting = await _posting(api, store)
            reading = asyncio.create_task(api.client.get("/v2/pods/pod"))
            await asyncio.wait((reading,), timeout=0.1)
            store.fails = True
            store.go.set()
            answers = [await posting, await reading, await api.client.get("/v2/pods/other")]
            assert [each.status_code for each in answers] == [503, 503, 503]

    with capture_logs(), pytest.raises(LoopError, match="disk full"):
        asyncio.run(scenario())
