"""A running API over a fake loop, with fake containers to look into."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable

import httpx2
import uvicorn

from scheduler.access.permissions import INSIDE, Permission
from scheduler.api.access import EVERYONE, Access
from scheduler.api.inside.guard import MOST_STREAMS, Guard
from scheduler.api.proxies import Networks
from scheduler.cli.files import Room
from scheduler.cli.server import api_server
from scheduler.model.json import Json
from tests.api.app import app_over
from tests.fakes.inside import FakeInside, run_of
from tests.fakes.loop import FakeLoop

DEADLINE = 20.0


class LiveInside:
    """A running API over a fake loop and fake agents."""

    def __init__(
        self, access: Access = EVERYONE, allowed: frozenset[Permission] = INSIDE, proxies: Networks = ()
    ) -> None:
        self.loop = FakeLoop()
        self.inside = FakeInside()
        self.guard = Guard(allowed)
        self.app = app_over(self.loop, access, self.inside, self.guard, proxies=proxies)
        self.address = ""
        self.server: uvicorn.Server

    def launched(self) -> list[str]:
        """Launch and run what waits; a task's container has the task's id. Returns the ids of new tasks."""
        self.loop.run_all()
        new = [task_id for task_id in self.loop.world.tasks if task_id not in self.inside.runs]
        self.inside.runs |= {task_id: run_of(task_id) for task_id in new}
        return sorted(new)

    @property
    def url(self) -> str:
        """The API's URL."""
        return f"http://{self.address}"


@contextlib.asynccontextmanager
async def live_inside(
    *,
    access: Access = EVERYONE,
    allowed: frozenset[Permission] = INSIDE,
    places: int = MOST_STREAMS,
    proxies: Networks = (),
    tls: Callable[[], ssl.SSLContext] | None = None,
) -> AsyncIterator[tuple[LiveInside, httpx2.AsyncClient]]:
    """A running API and a client of it."""
    live = LiveInside(access, allowed, proxies)
    live.guard._most_streams = places
    listening = socket.create_server(("127.0.0.1", 0))
    live.server = server = api_server(live.app, Room(connections=100, backlog=100), tls)
    serving = asyncio.create_task(server.serve([listening]))
    live.address = f"127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=live.url, timeout=DEADLINE, trust_env=False) as client:
            yield live, client
    finally:
        live.guard.stop()
        server.should_exit = True
        await asyncio.wait_for(serving, DEADLINE)
        listening.close()


def definition(*containers: str, instances: int = 1) -> Json:
    """A pod with these containers."""
    return {
        "id": "/web",
        "scaling": {"kind": "fixed", "instances": instances},
        "containers": [{"name": name, "resources": {"cpus": 0.1, "mem": 32}} for name in containers],
    }
