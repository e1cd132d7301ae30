"""The application: all routes, middleware, and the headers of every answer."""

from collections.abc import Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.api import errors
from scheduler.api.access import EVERYONE, Access
from scheduler.api.access import install as install_access
from scheduler.api.deployments import Deployments
from scheduler.api.docs import docs_routes
from scheduler.api.events import Publisher, event_routes
from scheduler.api.groups import Groups
from scheduler.api.info import ServerInfo, info_routes
from scheduler.api.inside import inside_routes
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.streams import BYTES, NDJSON, TAR
from scheduler.api.instances import Instances
from scheduler.api.leader import leader_routes
from scheduler.api.metrics import metrics_routes
from scheduler.api.pods import Pods
from scheduler.api.queue import queue_routes
from scheduler.api.requests import Requests
from scheduler.api.versions import version_routes
from scheduler.core.world import World
from scheduler.loop.inside import Inside
from scheduler.observe.metrics import Metrics

# Compression would delay small chunks of a stream, and waste time on large ones.
_NOT_COMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, NDJSON, TAR, BYTES)


class Loop(Requests, Publisher, Protocol):
    """What the API needs of the event loop that owns the world."""

    async def durable(self) -> None:
        """Return when everything that the world holds now is durable. Raises LoopError if it never will be."""


def create_app(
    loop: Loop,
    world: World,
    server: ServerInfo,
    *,
    metrics: Metrics,
    inside: Inside,
    guard: Guard,
    abdicate: Callable[[], None],
    clock: Callable[[], float],
    access: Access = EVERYONE,
) -> Starlette:
    """The API, which reads the ``world`` and sends changes to the ``loop``; ``clock`` is the loop's. All belong to the
    asyncio loop that runs the app.

    ``guard`` decides what is allowed ``inside`` containers. ``abdicate`` ends the process once pending requests are
    answered.
    """
    app = Starlette(
        routes=[
            *version_routes(world),
            *inside_routes(world, inside, guard),
            *Instances(loop, world).routes(),
            *Pods(loop, world, clock).routes(),  # after those whose paths look like ids of pods
            *Deployments(loop, world).routes(),
            *queue_routes(loop, world, clock),
            *Groups(loop, world, clock).routes(),
            *event_routes(loop),
            *info_routes(server, world),
            *leader_routes(server.leader, abdicate),
            *metrics_routes(metrics),
            *docs_routes(server.version),
        ]
    )
    app.state.durable = loop.durable
    app.router.redirect_slashes = False  # routes name both spellings
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=4096, exclude_content_types=_NOT_COMPRESSED)
    install_access(app, access)
    app.add_middleware(_MarathonHeaders, leader=f"http://{server.leader}")
    return app


class _MarathonHeaders:
    """Adds Marathon's headers to every answer: the leader, and no caching or framing."""

    def __init__(self, app: ASGIApp, leader: str) -> None:
        self._app = app
        self._headers = {
            "X-Marathon-Leader": leader,
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Expires": "0",
            "X-Frame-Options": "DENY",
            "X-XSS-Protection": "1; mode=block",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
