"""The API over the real loop, core and a store in memory. Only Mesos is missing: its calls are recorded."""

import asyncio
from types import TracebackType
from typing import Any

import httpx2

from scheduler.api.app import create_app
from scheduler.api.inside.guard import Guard
from scheduler.core.events import Subscribed
from scheduler.core.frame import Record
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.clock import Clock
from scheduler.loop.event_loop import EventLoop
from scheduler.loop.ports import MesosCall
from scheduler.observe.metrics import Metrics
from scheduler.store.memory import MemoryStore
from tests.api.app import SERVER
from tests.fakes.inside import NothingInside
from tests.fakes.loop import SETTINGS, RecordedCalls

_NOW = 1_700_000_000.0


class WholeApi:
    """Makes requests to the app while the loop runs. Close it after use."""

    def __init__(self) -> None:
        self.world = World(SETTINGS, 0)
        self.calls = RecordedCalls()
        self._store = MemoryStore()
        # Time stands still: all that happens, happens because of a request.
        clock = Clock(steady=lambda: _NOW, wall=lambda: _NOW)
        metrics = Metrics(self.world, clock.now)
        self._shell = EventLoop(self.world, step, self._store, self.calls, meter=metrics, clock=clock)
        app = create_app(
            self._shell,
            self.world,
            SERVER,
            metrics=metrics,
            inside=NothingInside(),
            guard=Guard(),
            abdicate=lambda: None,
            clock=clock.now,
        )
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test")
        self._runner = asyncio.Runner()
        self._looping: asyncio.Task[None] | None = None

    def __enter__(self) -> "WholeApi":
        self._looping = self._runner.get_loop().create_task(self._shell.run())
        self._shell.submit_threadsafe(Subscribed("F-1", "127.0.0.1:5050", "1.11.0"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.stop()
        if self._looping is not None:
            self._runner.run(asyncio.wait_for(self._looping, 10))
        self._runner.run(self._client.aclose())
        self._runner.close()

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""
        return self._runner.run(self._client.request(method, path, **more))

    def state(self) -> tuple[list[Record], dict[str, object], list[MesosCall]]:
        """Everything that a request could change: the store, the world, and the calls to Mesos."""
        world = self.world
        held: dict[str, object] = {
            name: dict(getattr(world, name)) for name in ("pods", "definitions", "instances", "deployments", "tasks")
        }
        held["waiting"], held["delays"] = dict(world.queues.waiting), dict(world.queues.delays)
        held["kills"] = dict(world.volatile.kills)
        return self._store.load(), held, list(self.calls.made)
