"""The API on a fake shell: requests go straight through the core, nothing is stored and nothing is sent to Mesos."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import httpx2

from scheduler.api.app import create_app
from scheduler.api.info import ServerInfo
from scheduler.core.effects import Done, Effect, Refused, Reply
from scheduler.core.events import Event
from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.step import step
from scheduler.core.world import World

SETTINGS = Settings(executor=ExecutorCommand(command=None), default_network_name="dcos")
SERVER = ServerInfo(name="podexec", version="1.2.3", leader="127.0.0.1:8080", config={"mesos_role": "*"})


class FakeShell:
    """Steps the core and hands back its reply. ``failure``, if set, is raised in place of any answer."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.world = World(settings, 0)
        self.failure: Exception | None = None
        self.asked: list[Event] = []
        self._numbers = itertools.count(1)

    def happens(self, event: Event) -> tuple[Effect, ...]:
        """Let something happen beside requests."""
        return step(self.world, event, 1_000_000.0).effects

    async def request(self, make_event: Callable[[int], Event]) -> Done | Refused:
        """As the shell does, without a store."""
        if self.failure is not None:
            raise self.failure
        event = make_event(next(self._numbers))
        self.asked.append(event)
        [reply] = [effect for effect in self.happens(event) if isinstance(effect, Reply)]
        return reply.answer


class Api:
    """Makes requests to the app, each on a connection of its own."""

    def __init__(self, shell: FakeShell) -> None:
        self._app = create_app(shell, shell.world, SERVER)

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""

        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())
