"""Access control for looking inside containers: permissions, the audit log, and a limit on open streams.

Open streams end when the scheduler stops.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Iterator
from enum import StrEnum
from typing import TypeVar

import structlog
from starlette.requests import HTTPConnection

from scheduler.api.access import USER
from scheduler.api.errors import ApiError

T = TypeVar("T")
MOST_STREAMS = 100
_log = structlog.get_logger("scheduler.audit")


class Permission(StrEnum):
    """An action inside containers that an operator may allow."""

    LOGS = "logs"
    FILES = "files"
    EXEC = "exec"
    COPY = "copy"
    USAGE = "usage"


EVERYTHING = frozenset(Permission)


class StoppingError(Exception):
    """The scheduler is stopping, which ends all streams."""


class Guard:
    """Belongs to one event loop."""

    def __init__(self, allowed: frozenset[Permission] = EVERYTHING, most_streams: int = MOST_STREAMS) -> None:
        self._allowed = allowed
        self._most_streams = most_streams
        self._open = 0
        self._stopping = asyncio.Event()

    def permit(self, connection: HTTPConnection, permission: Permission, pod_id: str, **what: object) -> None:
        """Write a line to the audit log. Raises ApiError if the action is not allowed."""
        is_allowed = permission in self._allowed
        _log.info(
            "inside",
            permission=permission.value,
            allowed=is_allowed,
            user=connection.scope.get(USER),
            client_ip=connection.client.host if connection.client else None,
            pod_id=pod_id,
            **what,
        )
        if not is_allowed:
            message = f"This scheduler's --allow-inside does not allow '{permission.value}'"
            raise ApiError(403, {"message": message})

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places for streams. Raises ApiError if there is none, or the scheduler is stopping."""
        if self._stopping.is_set():
            raise ApiError(503, {"message": "The scheduler is stopping"})
        if self._open >= self._most_streams:
            message = f"{self._open} streams into containers are open, and no more are allowed; try again later"
            raise ApiError(503, {"message": message})
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def unless_stopping(self, what: Awaitable[T]) -> T:
        """The result of ``what``. Raises StoppingError if the scheduler stops first."""
        wanted = asyncio.ensure_future(what)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((wanted, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not wanted.done():
                raise StoppingError
            return wanted.result()
        finally:
            stopping.cancel()
            if not wanted.done():
                wanted.cancel()
                await asyncio.wait((wanted,))

    async def guarded(self, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """The chunks; raises StoppingError when the scheduler stops. Closes their generator at the end."""
        async with contextlib.aclosing(chunks):
            while True:
                try:
                    chunk = await self.unless_stopping(anext(chunks))
                except StopAsyncIteration:
                    return
                yield chunk

    def stop(self) -> None:
        """End all open streams."""
        self._stopping.set()
