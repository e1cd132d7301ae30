"""The API's server: its listening socket, uvicorn without its signal handlers, and asyncio's error handler."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from scheduler.api.connections import Connections, Limits, protocol
from scheduler.api.handshakes import Handshakes
from scheduler.api.websocket_connection import LARGEST_MESSAGE, PING_EVERY, PONG_WITHIN, WebSocketConnection
from scheduler.cli import files
from scheduler.cli.errors import CommandError
from scheduler.observe.seldom import Seldom

LAST_REQUESTS = 5  # seconds for which pending requests are still answered at the end


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """The listening socket. Raises CommandError."""
    try:
        family, *_, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listening = socket.create_server(address[:2], family=family, backlog=backlog)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise CommandError(
            f"cannot listen on {host}:{port}: {reason}",
            advice="Another scheduler may be running there; choose another address with --listen HOST:PORT.",
        ) from error
    # Connections inherit it. A response is written in parts, and on a kept-alive connection the second would wait 40 ms
    # for the client's delayed acknowledgement of the first; asyncio sets it only for sockets that name a protocol.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def api_server(app: ASGIApp, room: files.Room, tls: Callable[[], ssl.SSLContext] | None = None) -> uvicorn.Server:
    """The API's server. ``tls``: the context for the next connection; None: plain HTTP."""
    handshakes = None if tls is None else Handshakes(tls, max(1, room.connections // 4))
    http = protocol(Connections(Limits(room.connections)))
    return Server(
        uvicorn.Config(
            app,
            http=http if handshakes is None else handshakes.before(http),
            proxy_headers=False,  # it would believe them from this machine; see scheduler/api/proxies.py
            backlog=room.backlog,
            log_config=None,
            lifespan="off",
            ws=WebSocketConnection,
            ws_max_size=LARGEST_MESSAGE,
            ws_ping_interval=PING_EVERY,
            ws_ping_timeout=PONG_WITHIN,
            ws_per_message_deflate=False,
            server_header=False,
            access_log=False,
            log_level="error",  # start and end are logged here, and clients see their errors in the response
            timeout_graceful_shutdown=LAST_REQUESTS,
        ),
        handshakes,
    )


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals are handled once for all parts of the process."""

    def __init__(self, config: uvicorn.Config, handshakes: Handshakes | None = None) -> None:
        super().__init__(config)
        self._handshakes = handshakes

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._handshakes is not None:
            self._handshakes.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ErrorHandler:
    """asyncio's error handler. Out of open files, asyncio reports an error for each connection it cannot accept."""

    def __init__(self) -> None:
        self._lines = Seldom()

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an error as usual, but log failures to accept at most once a minute."""
        if not str(context.get("message")).startswith("socket.accept()"):
            loop.default_exception_handler(context)
        elif self._lines.count(loop.time()):
            structlog.get_logger("scheduler").error("cannot accept connections", error=str(context.get("exception")))
