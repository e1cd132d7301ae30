"""Answers that take long to make are made one at a time, so that many requests for them do not hold up everything else.

After each one the event loop has as long for everything else as that one took. Clients take turns by their
address, whoever asks more often; the requests of one address that wait are limited.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

import structlog
from starlette.requests import Request
from starlette.responses import Response

from scheduler.api.errors import ApiError
from scheduler.api.routes import Handler

_log = structlog.get_logger("scheduler.api")
MOST_WAITING = 64  # requests of one address
_LEAST = 0.0002  # seconds between two turns


class Turns:
    """The line of requests."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # by address; the next one's first
        self._is_taken = False
        self._free_at = 0.0  # when the next turn may begin

    @contextlib.asynccontextmanager
    async def turn(self, request: Request, *, is_first: bool = True) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the context. ``is_first``: whether it is the first one of the
        answer, which is refused if too many wait. Raises ApiError.
        """
        loop = asyncio.get_running_loop()
        if self._is_taken or self._waiting or loop.time() < self._free_at:
            await self._wait(request.client.host if request.client else "", is_limited=is_first)
        self._is_taken = True
        began = loop.time()
        try:
            yield
        finally:
            self._is_taken = False
            ended = loop.time()
            # Of an answer in several turns, each leaves time for others only if there are others. Those that are about
            # to come are seen only if the turn does not end at once.
            self._free_at = ended + (ended - began if is_first or self._waiting else _LEAST)
            if self._waiting:
                loop.call_at(self._free_at, self._next)

    async def _wait(self, address: str, *, is_limited: bool) -> None:
        loop = asyncio.get_running_loop()
        line = self._waiting.setdefault(address, deque())
        if is_limited and len(line) >= MOST_WAITING:
            message = f"{len(line)} requests for long answers from {address} are waiting; try again later"
            raise ApiError(503, {"message": message})
        mine = loop.create_future()
        line.append(mine)
        if not self._is_taken:
            loop.call_at(self._free_at, self._next)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was this one's turn
                self._is_taken = False
                self._next()
            raise

    def _is_free(self) -> bool:
        # Timers may be early by the resolution of the clock.
        return asyncio.get_running_loop().time() >= self._free_at - _LEAST

    def _next(self) -> None:
        """Let the next one have its turn, unless it is too early."""
        while self._waiting and not self._is_taken and self._is_free():
            address, line = next(iter(self._waiting.items()))
            del self._waiting[address]
            first = line.popleft()
            if line:
                self._waiting[address] = line  # behind all others
            if not first.done():
                first.set_result(None)
                self._is_taken = True


def in_turn(handler: Handler) -> Handler:
    """The handler, which answers in its turn. A client that has left in the meantime is not answered."""

    async def answer(request: Request, **parameters: str) -> Response:
        turns: Turns = request.app.state.turns
        async with turns.turn(request):
            if await request.is_disconnected():
                return Response(status_code=503)
            response = await handler(request, **parameters)
        _report(request.app.state.unshowable)
        return response

    return answer


def _report(unshowable: dict[str, str]) -> None:
    """Log once why each of these records could not be shown."""
    for name, why in unshowable.items():
        if why:
            _log.error("a record cannot be shown", record=name, error=why)
    unshowable.update(dict.fromkeys(unshowable, ""))
