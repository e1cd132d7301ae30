"""WebSockets through a standby: each message is passed on to the leader, and back."""

import asyncio
import contextlib
import ssl
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from scheduler.api.errors import not_taken
from scheduler.api.leadership import Leadership, place_of
from scheduler.api.relay import PATIENCE, VIA, circles, first, known_leader, target_of, unavailable
from scheduler.api.websocket_connection import PING_EVERY, PONG_WITHIN

_LARGEST: Final = 32 * 1024 * 1024  # bytes; of a message of the leader
_OPEN = 10.0  # seconds for the leader's handshake
_PAUSE = 0.1
_GOING_AWAY = 1001  # RFC 6455


class RelayedSockets:
    """The way to the leader for WebSockets."""

    def __init__(
        self, leadership: Leadership, front: ASGIApp, tls: ssl.SSLContext | None = None, patience: float = PATIENCE
    ) -> None:
        """As Relay's."""
        self._leadership = leadership
        self._front = front
        self._tls = tls
        self._patience = patience

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket; the leader's refusal is its refusal."""
        socket = WebSocket(scope, receive, send)
        until = asyncio.get_running_loop().time() + self._patience
        while (leader := await known_leader(self._leadership, until)) is not None:
            if leader == self._leadership.own:
                await self._front(scope, receive, send)
                return
            if VIA in socket.headers:
                await socket.send_denial_response(not_taken(circles(self._leadership)))
                return
            try:
                connection = await self._connect(leader, scope)
            except InvalidStatus as refusal:
                answer = refusal.response
                kind = answer.headers.get("Content-Type", "application/json")
                await socket.send_denial_response(Response(bytes(answer.body or b""), answer.status_code, {}, kind))
                return
            except (OSError, TimeoutError, WebSocketException):
                await asyncio.sleep(_PAUSE)  # a handshake changes nothing, so it may be repeated
            else:
                async with connection:
                    await self._pass_messages(leader, socket, connection)
                return
        await socket.send_denial_response(not_taken(unavailable(self._leadership)))

    async def _connect(self, leader: str, scope: Scope) -> ClientConnection:
        headers = Headers(scope=scope)
        sent = {VIA: f"1.1 {place_of(self._leadership.own)}"}
        if "authorization" in headers:
            sent["Authorization"] = headers["authorization"]
        if scope.get("client"):
            sent["X-Forwarded-For"] = scope["client"][0]
        url = leader.replace("http", "ws", 1) + target_of(scope)
        return await connect(
            url,
            ssl=self._tls if leader.startswith("https") else None,
            additional_headers=sent,
            compression=None,
            proxy=None,
            user_agent_header=None,
            open_timeout=_OPEN,
            ping_interval=PING_EVERY,
            ping_timeout=PONG_WITHIN,
            max_size=_LARGEST,
        )

    async def _pass_messages(self, leader: str, socket: WebSocket, connection: ClientConnection) -> None:
        """Until either side closes, or another scheduler leads."""
        await socket.accept()
        await first(
            asyncio.ensure_future(_to_client(socket, connection)),
            asyncio.ensure_future(_to_leader(socket, connection)),
            asyncio.ensure_future(self._leadership.leaves(leader)),
        )
        if socket.client_state is WebSocketState.CONNECTED and socket.application_state is WebSocketState.CONNECTED:
            code = connection.close_code
            with contextlib.suppress(RuntimeError, OSError):  # the client has left in between
                await socket.close(code if code is not None and code != 1006 else _GOING_AWAY)


async def _to_client(socket: WebSocket, connection: ClientConnection) -> None:
    async for message in connection:
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_text(message)


async def _to_leader(socket: WebSocket, connection: ClientConnection) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes")
        await connection.send(message["text"] if data is None else data)
