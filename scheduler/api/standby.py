"""The API of a standby: it answers reads from its own world, and passes everything else on to the leader.

An answer from its own world says how old that may be. What needs the leader's connection to Mesos, or its event loop,
is the leader's: writes, the event stream, the launch queue, the cluster's agents, and looks inside containers.
"""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.api import sessions
from scheduler.api.leadership import Leadership
from scheduler.api.relay import Relay
from scheduler.api.relayed_socket import RelayedSockets

STALENESS: Final = "X-Podexec-Staleness"
_READING = ("GET", "HEAD", "OPTIONS")
_OWN = re.compile(r"/v2/(?:pods|groups|deployments|info|leader)(?:/.*)?", re.DOTALL)
_INSIDE = re.compile(r"::(?:logs|files|archive|usage|exec)(?:/.*)?$", re.DOTALL)
_ALWAYS = frozenset({"/v2/info", "/v2/info/", "/v2/leader", "/v2/leader/"})  # of the process, not of the state


class Standby:
    """The middleware. Requests reach it after their caller is known to have valid credentials."""

    def __init__(self, app: ASGIApp, leadership: Leadership, relay: Relay, sockets: RelayedSockets) -> None:
        self._app = app
        self._leadership = leadership
        self._relay = relay
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._answers(scope):
            await self._app(scope, receive, self._dated(scope, send))
        elif scope["type"] == "websocket":
            await self._sockets.relay(scope, receive, send)
        else:
            await self._relay.relay(scope, receive, send)

    def _answers(self, scope: Scope) -> bool:
        """Whether this standby answers a request itself."""
        path: str = scope["path"]
        if path == sessions.PATH:
            return True  # sessions belong to the process that the browser has reached
        if scope["type"] != "http" or scope["method"] not in _READING:
            return False
        if not path.startswith("/v2/") or path in _ALWAYS:
            return True
        is_own = _OWN.fullmatch(path) is not None and _INSIDE.search(path) is None
        return is_own and self._leadership.staleness() is not None

    def _dated(self, scope: Scope, send: Send) -> Send:
        """``send`` with the header on answers about the state."""
        staleness = self._leadership.staleness()
        if staleness is None or scope["type"] != "http" or not scope["path"].startswith("/v2/"):
            return send

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(raw=message["headers"])[STALENESS] = f"{staleness:.3f}"
            await send(message)

        return dated
