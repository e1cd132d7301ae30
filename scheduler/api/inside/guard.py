"""Looking inside containers: what the scheduler allows at all, the audit log, and a limit on open streams.

Open streams end when the scheduler stops.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Iterator
from typing import TypeVar

from starlette.requests import HTTPConnection

from scheduler.access.permissions import INSIDE, Permission
from scheduler.api.callers import caller_of
from scheduler.api.errors import ApiError
from scheduler.observe.audit import AuditLog

T = TypeVar("T")
MOST_STREAMS = 100  # one address may have three quarters of them


class StoppingError(Exception):
    """The scheduler is stopping, which ends all streams."""


class Guard:
    """Belongs to one event loop."""

    def __init__(
        self,
        allowed: frozenset[Permission] = INSIDE,
        most_streams: int = MOST_STREAMS,
        audit: AuditLog | None = None,
    ) -> None:
        self.allowed = allowed
        self._audit = audit or AuditLog()
        self._most_streams = most_streams
        self._open: Counter[str] = Counter()  # by address
        self._stopping = asyncio.Event()

    def require(self, connection: HTTPConnection, permission: Permission, pod_id: str, **what: object) -> None:
        """Like ``permit``, but an action that is allowed is not written yet, as only later is known what it is."""
        if permission not in self.allowed:
            self.permit(connection, permission, pod_id, **what)

    def permit(self, connection: HTTPConnection, permission: Permission, pod_id: str, **what: object) -> None:
        """Write a line to the audit log. Raises ApiError if the action is not allowed."""
        is_allowed = permission in self.allowed
        self._audit.write(
            "inside",
            permission=permission.value,
            allowed=is_allowed,
            user=caller_of(connection).name,
            client_ip=connection.client.host if connection.client else None,
            pod_id=pod_id,
            **what,
        )
        if not is_allowed:
            message = f"This scheduler's --allow-inside does not allow '{permission.value}'"
            raise ApiError(403, {"message": message})

    @contextlib.contextmanager
    def place(self, connection: HTTPConnection) -> Iterator[None]:
        """Take one of the places for streams. Raises ApiError if there is none, the client's address has its share, or
        the scheduler is stopping.
        """
        if self._stopping.is_set():
            raise ApiError(503, {"message": "The scheduler is stopping"})
        address = connection.client.host if connection.client else ""
        count, most = self._open.total(), self._most_streams
        if count < most and self._open[address] >= (share := max(1, most - most // 4)):
            raise ApiError(
                503, {"message": f"{share} streams into containers are open from {address}; close some first"}
            )
        if count >= most:
            message = f"{count} streams into containers are open, which is the limit; try again later"
            raise ApiError(503, {"message": message})
        self._open[address] += 1
        try:
            yield
        finally:
            self._open -= Counter({address: 1})

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
