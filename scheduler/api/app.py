"""The application: all routes, middleware, and the headers of every answer."""

from collections.abc import Callable
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.api import errors
from scheduler.api.access import EVERYONE, Access
from scheduler.api.access import install as install_access
from scheduler.api.agents import agent_routes
from scheduler.api.audit import Audit
from scheduler.api.deployments import Deployments
from scheduler.api.docs import docs_routes
from scheduler.api.doctor import doctor_routes
from scheduler.api.doctor.routes import AskRoles
from scheduler.api.events import Publisher, event_routes
from scheduler.api.executor import ExecutorFile, executor_routes
from scheduler.api.groups import Groups
from scheduler.api.info import ServerInfo, info_routes
from scheduler.api.inside import inside_routes
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.streams import BYTES, NDJSON, TAR
from scheduler.api.instances import Instances
from scheduler.api.leader import leader_routes
from scheduler.api.leadership import Alone, Leadership
from scheduler.api.metrics import metrics_routes
from scheduler.api.origins import ONLY_ADDRESSES, Hosts
from scheduler.api.origins import install as install_origins
from scheduler.api.orphans import orphan_routes
from scheduler.api.plans import plan_routes
from scheduler.api.pods import Pods
from scheduler.api.proxies import Networks
from scheduler.api.proxies import install as install_proxies
from scheduler.api.queue import queue_routes
from scheduler.api.relay import POSITION, Relay
from scheduler.api.relayed_socket import RelayedSockets
from scheduler.api.requests import Requests
from scheduler.api.routes import READING
from scheduler.api.sessions import Sessions, session_routes
from scheduler.api.standby import Standby
from scheduler.api.timelines import timeline_routes
from scheduler.api.turns import Turns
from scheduler.api.ui import ui_routes
from scheduler.api.versions import version_routes
from scheduler.core.world import World
from scheduler.loop.inside import Inside
from scheduler.observe.audit import AuditLog
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
    audit: AuditLog | None = None,
    hosts: Hosts = ONLY_ADDRESSES,
    proxies: Networks = (),
    executor: ExecutorFile | None = None,
    leadership: Leadership | None = None,
    relay: Relay | None = None,
    sockets: RelayedSockets | None = None,
    ask_roles: AskRoles | None = None,
) -> Starlette:
    """The API, which reads the ``world`` and sends changes to the ``loop``; ``clock`` is the loop's. All belong to the
    asyncio loop that runs the app.

    ``guard`` decides what is allowed ``inside`` containers. ``abdicate`` gives up the lead: without other schedulers it
    ends the process once pending requests are answered. ``hosts``: the names of this API. ``proxies``: those whose word
    on the client's address counts. ``executor``: the file for agents, if they get it here. ``audit``: None: its lines
    are in the log. ``leadership``: None: there is only this scheduler. ``relay`` and ``sockets``: the ways to the
    leader, of a standby. ``ask_roles``: of the master; None: there is none to ask.
    """
    election = leadership or Alone(f"{server.scheme}://{server.leader}")
    pods = Pods(loop, world, clock)
    sessions = Sessions()
    app = Starlette(
        routes=[
            *version_routes(world),
            *plan_routes(loop, world, pods, clock),
            *timeline_routes(world),
            *inside_routes(world, inside, guard),
            *Instances(loop, world).routes(),
            *pods.routes(),  # after those whose paths look like ids of pods
            *Deployments(loop, world).routes(),
            *queue_routes(loop, world, clock),
            *agent_routes(world, inside),
            *orphan_routes(loop, world, pods),
            *Groups(loop, world, clock).routes(),
            *event_routes(loop),
            *info_routes(server, world, election, relay),
            *doctor_routes(server, world, ask_roles),
            *leader_routes(election, abdicate),
            *metrics_routes(metrics),
            *docs_routes(server.version),
            *executor_routes(executor),
            *session_routes(sessions, guard.allowed),
            *ui_routes(),
        ]
    )
    app.router.routes.sort(key=_has_parameters)  # stable; found at once, before any pattern is tried
    app.state.durable = loop.durable
    app.state.turns = Turns()
    app.state.unshowable = world.volatile.unshowable
    app.router.redirect_slashes = False  # routes name both spellings
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=4096, exclude_content_types=_NOT_COMPRESSED)
    if relay is not None and sockets is not None:
        app.add_middleware(Standby, leadership=election, relay=relay, sockets=sockets)
    install_access(app, access, sessions)
    install_origins(app, hosts)
    app.add_middleware(Audit, log=audit or AuditLog())
    app.add_middleware(_MarathonHeaders, leadership=election)
    install_proxies(app, proxies)
    return app


def _has_parameters(route: BaseRoute) -> bool:
    return isinstance(route, Route | WebSocketRoute) and bool(route.param_convertors)


class _MarathonHeaders:
    """Adds Marathon's headers to every answer: the leader, no framing, and no caching unless it says otherwise."""

    def __init__(self, app: ASGIApp, leadership: Leadership) -> None:
        self._app = app
        self._leadership = leadership
        self._leader: str | None = None
        self._headers, self._uncached = _FIXED, [*_FIXED, *_NOT_CACHED]
        self._names = frozenset(name for name, _ in _FIXED) | {_LEADER}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._refresh()
                others = [each for each in message["headers"] if each[0] not in self._names]
                is_cached = any(name == b"cache-control" for name, _ in others)
                message["headers"] = [*others, *(self._headers if is_cached else self._uncached)]
                position = self._leadership.position
                if position is not None and scope["method"] not in READING:
                    message["headers"].append((POSITION.lower().encode(), b"%d" % position))
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)

    def _refresh(self) -> None:
        """Write the leader's name anew if another one leads."""
        leader = self._leadership.leader
        if leader != self._leader:
            self._leader = leader
            named = [(_LEADER, leader.encode("latin-1", "replace"))] if leader is not None else []
            self._headers = [*named, *_FIXED]
            self._uncached = [*self._headers, *_NOT_CACHED]


_LEADER = b"x-marathon-leader"
_FIXED = Headers({"X-Frame-Options": "DENY", "X-XSS-Protection": "1; mode=block"}).raw
_NOT_CACHED = Headers(
    {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache", "Expires": "0"}
).raw
