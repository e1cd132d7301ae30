"""The API as it is served: uvicorn on a loopback port over the real loop and core, all in the test's own event loop.

Only Mesos is missing.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import uvicorn

from scheduler.api.app import create_app
from scheduler.api.inside.guard import Guard
from scheduler.cli.server import Server
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.bus import KEPT, Bus
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop
from scheduler.observe.metrics import Metrics
from scheduler.store import Store
from scheduler.store.memory import MemoryStore
from tests.api.app import SERVER
from tests.fakes.inside import NothingInside
from tests.fakes.loop import SETTINGS, RecordedCalls

DEADLINE = 20.0


@dataclass(frozen=True, slots=True)
class Event:
    """One block of the stream; a comment has no kind."""

    number: int | None
    kind: str | None
    data: str


@dataclass(slots=True)
class Reader:
    """Reads blocks from an endless answer."""

    answer: httpx2.Response
    _lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.answer.aiter_lines()

    async def next(self, *, comments: bool = False) -> Event:
        """The next block, by default the next event."""
        async with asyncio.timeout(DEADLINE):
            while True:
                event = await self._block()
                if comments or event.kind is not None:
                    return event

    async def some(self, count: int) -> list[Event]:
        """The next ``count`` events."""
        return [await self.next() for _ in range(count)]

    async def until(self, kind: str) -> list[Event]:
        """The events up to the first of a kind, which is the last of them."""
        found = [await self.next()]
        while found[-1].kind != kind:
            found.append(await self.next())
        return found

    async def _block(self) -> Event:
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                return Event(int(fields["id"]) if "id" in fields else None, fields.get("event"), fields.get("data", ""))
            name, _, value = line.partition(": ")
            fields[name] = value
        raise EOFError("the stream ended")


class Live:
    """A running API."""

    def __init__(self, loop: EventLoop[World], client: httpx2.AsyncClient) -> None:
        self.loop = loop
        self.client = client

    @contextlib.asynccontextmanager
    async def events(self, query: str = "", **headers: str) -> AsyncIterator[Reader]:
        """Follow the stream."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.stream("GET", f"/v2/events{query}", headers=given) as answer:
            assert answer.status_code == 200, await answer.aread()
            yield Reader(answer)


@contextlib.asynccontextmanager
async def live(store: Store | None = None, kept: int = KEPT) -> AsyncIterator[Live]:
    """An API that is up; its stream keeps so many events."""
    store = store or MemoryStore()
    world = World(SETTINGS, 0, store.load())
    clock = Clock()
    loop = EventLoop(world, step, store, RecordedCalls(), bus=Bus(store.tail(), kept), clock=clock)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(
            loop,
            world,
            SERVER,
            metrics=Metrics(world, clock.now),
            inside=NothingInside(),
            guard=Guard(),
            abdicate=lambda: None,
            clock=clock.now,
        ),
        log_config=None,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    turning = asyncio.create_task(loop.run())
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=address, timeout=DEADLINE, trust_env=False) as client:
            yield Live(loop, client)
    finally:
        loop.bus.close()
        server.should_exit = True
        await asyncio.wait_for(serving, DEADLINE)
        loop.stop()
        await asyncio.wait_for(turning, DEADLINE)
        listening.close()
