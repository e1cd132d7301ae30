"""The API on a fake shell: requests go straight through the core, nothing is stored and nothing is sent to Mesos."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, get_args

import httpx2
from fastapi import FastAPI

from scheduler.api.access import EVERYONE, Access
from scheduler.api.app import create_app
from scheduler.api.info import ServerInfo
from scheduler.api.inside.guard import Guard
from scheduler.core.effects import Answer, Effect, Publish, Reply
from scheduler.core.events import Event, OffersReceived, StatusUpdated, Subscribed
from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.step import step
from scheduler.core.world import World
from scheduler.loop.bus import Bus
from scheduler.loop.inside import InsideError, Why
from scheduler.loop.ports import MesosCall
from scheduler.model.json import Json
from scheduler.model.records import Condition
from scheduler.observe.metrics import Metrics
from tests.core.support import offer

SETTINGS = Settings(executor=ExecutorCommand(command=None), default_network_name="dcos")
SERVER = ServerInfo(name="podexec", version="1.2.3", leader="127.0.0.1:8080", config={"mesos_role": "*"})


class FakeShell:
    """Steps the core and hands back its reply. ``failure``, if set, is raised in place of any answer.

    Time stands still unless a test moves ``now``.
    """

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.world = World(settings, 0)
        self.now = 1_000_000.0
        self.bus = Bus()
        self.metrics = Metrics(self.world, lambda: self.now)
        self.abdicated = False
        self.failure: Exception | None = None
        self.asked: list[Event] = []
        self._numbers = itertools.count(1)

    def happens(self, event: Event) -> tuple[Effect, ...]:
        """Let something happen beside requests."""
        effects = step(self.world, event, self.now).effects
        published = [each for each in effects if isinstance(each, Publish)]
        replies = [each for each in effects if isinstance(each, Reply)]
        calls = [each for each in effects if isinstance(each, get_args(MesosCall))]
        self.metrics.turned([event], calls, replies, published, 0.001)
        self.bus.publish(self.bus.assign_numbers(published))
        return effects

    def submit(self, event: Event) -> None:
        """As the shell does, at once."""
        self.happens(event)

    def abdicate(self) -> None:
        """In the place of the process's end."""
        self.abdicated = True

    def offers(self, *offers: Json) -> None:
        """Mesos offers these agents, or one with room for many small pods."""
        if not self.world.volatile.connection.subscribed:
            self.happens(Subscribed("F-1", "10.0.0.1:5050", "1.11.0"))
        self.happens(OffersReceived(offers or (offer(f"O-{next(self._numbers)}"),)))

    def tell(self, condition: Condition, message: str = "", only: str | None = None) -> None:
        """Every task that has not ended reports this, or only those of one instance."""
        for instance in list(self.world.instances.values()):
            for task in instance.tasks if only in (None, instance.id) else ():
                if not task.condition.terminal:
                    self.happens(StatusUpdated(task.id, condition, "A1", None, self.now, message=message))

    def run_all(self) -> None:
        """Launch what waits, and have it run."""
        self.offers()
        self.tell(Condition.RUNNING)

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """As the shell does, without a store."""
        if self.failure is not None:
            raise self.failure
        event = make_event(next(self._numbers))
        self.asked.append(event)
        [reply] = [effect for effect in self.happens(event) if isinstance(effect, Reply)]
        return reply.answer


class NothingInside:
    """No container can be looked into."""

    def __getattr__(self, name: str) -> Any:
        raise InsideError(Why.AWAY, "there is no agent")


def app_over(
    shell: FakeShell,
    access: Access = EVERYONE,
    inside: Any = None,
    guard: Guard | None = None,
    server: ServerInfo = SERVER,
) -> FastAPI:
    """The app over a fake shell, and whatever is there of agents."""
    return create_app(
        shell,
        shell.world,
        server,
        metrics=shell.metrics,
        inside=inside or NothingInside(),
        guard=guard or Guard(),
        abdicate=shell.abdicate,
        access=access,
        clock=lambda: shell.now,
    )


class Api:
    """Makes requests to the app, each on a connection of its own."""

    def __init__(self, shell: FakeShell, access: Access = EVERYONE, server: ServerInfo = SERVER) -> None:
        self._app = app_over(shell, access, server=server)

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""

        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())
