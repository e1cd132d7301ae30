"""The API in memory, over a fake loop."""

import asyncio
import os
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette

from scheduler.api.access import EVERYONE, Access
from scheduler.api.app import create_app
from scheduler.api.doctor.routes import AskRoles
from scheduler.api.executor import ExecutorFile
from scheduler.api.info import ServerInfo
from scheduler.api.inside.guard import Guard
from scheduler.api.origins import Hosts, hosts_of
from scheduler.api.proxies import Networks
from scheduler.observe.audit import AuditLog
from tests.fakes.inside import NothingInside
from tests.fakes.loop import FakeLoop

UNHEARD = AuditLog(Path(os.devnull))  # its lines would be in what tests of commands print
SERVER = ServerInfo(name="podexec", version="1.2.3", leader="127.0.0.1:8080", config={"mesos_role": "*"})
HOSTS = hosts_of((), ["scheduler.test"])


def app_over(
    loop: FakeLoop,
    access: Access = EVERYONE,
    inside: Any = None,
    guard: Guard | None = None,
    server: ServerInfo = SERVER,
    executor: ExecutorFile | None = None,
    audit: AuditLog = UNHEARD,
    hosts: Hosts = HOSTS,
    proxies: Networks = (),
    ask_roles: AskRoles | None = None,
) -> Starlette:
    """The app over a fake loop, with fake agents if given."""
    return create_app(
        loop,
        loop.world,
        server,
        metrics=loop.metrics,
        inside=inside or NothingInside(),
        guard=guard or Guard(),
        abdicate=loop.abdicate,
        access=access,
        audit=audit,
        hosts=hosts,
        proxies=proxies,
        clock=lambda: loop.now,
        executor=executor,
        ask_roles=ask_roles,
    )


class Api:
    """Makes requests to the app, each on a connection of its own."""

    def __init__(
        self,
        loop: FakeLoop,
        access: Access = EVERYONE,
        server: ServerInfo = SERVER,
        executor: ExecutorFile | None = None,
        audit: AuditLog = UNHEARD,
        guard: Guard | None = None,
        hosts: Hosts = HOSTS,
        ask_roles: AskRoles | None = None,
    ) -> None:
        self._app = app_over(
            loop,
            access,
            guard=guard,
            server=server,
            executor=executor,
            audit=audit,
            hosts=hosts,
            ask_roles=ask_roles,
        )

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """The answer to one request."""

        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://scheduler.test") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())
