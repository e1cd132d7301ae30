"""The API over the real loop, core and a store in memory. Only Mesos is missing: its calls are recorded."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from scheduler.api.app import create_app
from scheduler.api.inside.guard import Guard
from scheduler.core.events import Event, Subscribed, Ticked
from scheduler.core.frame import Put, Record
from scheduler.core.settings import Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop
from scheduler.loop.inside import Inside
from scheduler.loop.ports import MesosCall
from scheduler.observe.metrics import Metrics
from scheduler.store.memory import MemoryStore
from tests.api.app import HOSTS, SERVER
from tests.fakes.inside import NothingInside
from tests.fakes.loop import SETTINGS, RecordedCalls
from tests.loop.inline import Inline

_NOW = 1_700_000_000.0
T = TypeVar("T")


class WholeApi:
    """Makes requests to the app while the loop runs. Close it after use.

    Time stands still unless a test moves ``now``: all that happens, happens because of a request or an event.
    """

    def __init__(
        self,
        settings: Settings = SETTINGS,
        records: Iterable[Record] = (),
        inside: Callable[[], Inside] = NothingInside,
        *,
        raises: bool = False,
    ) -> None:
        """``inside`` is called in the loop that it will belong to. ``raises``: a fault of the app is raised; otherwise
        there is an answer.
        """
        self.now = _NOW
        self.world = World(settings, 0, records)
        self.calls = RecordedCalls()
        self._store = MemoryStore()
        self._store.commit([Put(record) for record in records])
        clock = Clock(steady=lambda: self.now, wall=lambda: self.now)
        metrics = Metrics(self.world, clock.now)
        self._shell = EventLoop(self.world, step, self._store, self.calls, meter=metrics, clock=clock, thread=Inline())
        self._runner = asyncio.Runner()
        app = create_app(
            self._shell,
            self.world,
            SERVER,
            metrics=metrics,
            inside=self.wait_for(_made(inside)),
            guard=Guard(),
            abdicate=lambda: None,
            clock=clock.now,
            hosts=HOSTS,
        )
        transport = httpx2.ASGITransport(app, raise_app_exceptions=raises)
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test")
        self._looping: asyncio.Task[None] | None = None

    def __enter__(self) -> "WholeApi":
        self._looping = self._runner.get_loop().create_task(self._shell.run())
        framework = self.world.framework.id if self.world.framework is not None else "F-1"
        try:
            self.happens(Subscribed(framework, "127.0.0.1:5050", "1.11.0"))
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.stop()
        try:
            # What ended the loop was raised already if it is why the test ends.
            with contextlib.nullcontext() if error is None else contextlib.suppress(Exception):
                assert self._looping is not None
                self.wait_for(asyncio.wait_for(self._looping, 10))
            self.wait_for(self._client.aclose())
        finally:
            self._runner.close()

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""
        return self.wait_for(self._client.request(method, path, **more))

    def happens(self, *events: Event) -> None:
        """Let the loop handle events. Raises what ends it."""
        self._shell.submit_all_threadsafe(events)
        self.wait_for(self._settled())

    def passes(self, seconds: float) -> None:
        """Let time pass, with what is due then."""
        self.now += seconds
        self.happens(Ticked())

    def wait_for(self, awaitable: Awaitable[T]) -> T:
        """The result of something asynchronous, in the loop that everything here belongs to."""

        async def result() -> T:
            return await awaitable

        return self._runner.run(result())

    async def _settled(self) -> None:
        while self._shell.waiting and not (self._looping and self._looping.done()):
            await asyncio.sleep(0)
        if self._looping is not None and self._looping.done():
            self._looping.result()
        await self._shell.durable()

    def state(self) -> tuple[list[Record], dict[str, object], list[MesosCall]]:
        """Everything that a request could change: the store, the world, and the calls to Mesos."""
        world = self.world
        held: dict[str, object] = {
            name: dict(getattr(world, name)) for name in ("pods", "definitions", "instances", "deployments", "tasks")
        }
        held["waiting"], held["delays"] = dict(world.queues.waiting), dict(world.queues.delays)
        held["kills"] = dict(world.volatile.kills)
        return self.stored(), held, list(self.calls.made)

    def stored(self) -> list[Record]:
        """The records that another start would find."""
        return self._store.load()


async def _made(inside: Callable[[], Inside]) -> Inside:
    return inside()
