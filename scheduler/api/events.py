"""``/v2/events``: the event stream, as server-sent events.

Every event has a number. A client that comes back names the last one it has heard (``Last-Event-ID``) and is told all
that followed, as far as it is kept. Clients hold nothing here but their place in the stream: a slow one is never
dropped and costs nothing; should it fall behind what is kept, it sees so by a gap in the numbers.

Clients that others wrote know Marathon's types of event alone, and many fail on any other: podexec's own types are for
clients that name them, or ask for all that is podexec's own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from scheduler.api.errors import ApiError
from scheduler.api.requests import READING, wants_extras
from scheduler.core.events import Event, StreamAttached, StreamDetached
from scheduler.loop.bus import Bus, StreamEvent

KEEP_ALIVE = 15.0  # seconds of silence after which a comment shows that the connection lives
_MEDIA_TYPE = "text/event-stream"
_ACCEPTED = frozenset({_MEDIA_TYPE, "text/*", "*/*"})
_COMMENT = b":\n\n"
# Every type of event that Marathon has and podexec publishes. All others are podexec's own.
_MARATHONS = frozenset(
    {
        "app_terminated_event",
        "deployment_failed",
        "deployment_info",
        "deployment_step_failure",
        "deployment_step_success",
        "deployment_success",
        "event_stream_attached",
        "event_stream_detached",
        "group_change_failed",
        "group_change_success",
        "instance_changed_event",
        "instance_health_changed_event",
        "pod_created_event",
        "pod_deleted_event",
        "pod_updated_event",
        "scheduler_disconnected_event",
        "scheduler_registered_event",
        "scheduler_reregistered_event",
        "status_update_event",
        "unknown_instance_terminated_event",
    }
)


class Publisher(Protocol):
    """The shell, as far as the stream needs it."""

    @property
    def bus(self) -> Bus:
        """The stream."""

    def submit(self, event: Event) -> None:
        """Tell the core."""


def router(publisher: Publisher) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)

    async def follow(request: Request) -> Response:
        _require_accepted(request)
        after = _place(request, publisher.bus)
        if request.method == "HEAD":
            return Response(media_type=_MEDIA_TYPE)
        address = request.client.host if request.client else ""
        return _Stream(publisher, address, _frames(publisher.bus, after, _kinds(request)))

    for slash in ("", "/"):
        routes.add_api_route(f"/v2/events{slash}", follow, methods=READING)
    return routes


class _Stream(StreamingResponse):
    """An answer that goes on until its client leaves or the scheduler stops; the core is told of both ends."""

    media_type = _MEDIA_TYPE

    def __init__(self, publisher: Publisher, address: str, frames: AsyncIterator[bytes]) -> None:
        super().__init__(frames)
        self._submit: Callable[[Event], None] = publisher.submit
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._submit(StreamAttached(self._address))
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._submit(StreamDetached(self._address))


async def _frames(bus: Bus, after: int, kinds: frozenset[str] | None) -> AsyncIterator[bytes]:
    """The stream after that number, of these kinds; None: of all."""
    now = asyncio.get_running_loop().time
    silent_until = now() + KEEP_ALIVE
    yield _COMMENT  # the client sees at once that it is connected
    while not bus.closed:
        told = await bus.read_after(after, max(0.0, silent_until - now()))
        chunk = b"".join(_frame(each) for each in told if kinds is None or each.kind in kinds)
        if told:
            after = told[-1].number
        if not chunk and now() >= silent_until:
            chunk = _COMMENT
        if chunk:
            yield chunk
            silent_until = now() + KEEP_ALIVE


def _frame(event: StreamEvent) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, event.kind.encode(), event.data)


def _kinds(request: Request) -> frozenset[str] | None:
    """The types of event to publish to the client; None: all."""
    named = frozenset(request.query_params.getlist("event_type"))
    return named or (None if wants_extras(request) else _MARATHONS)


def _require_accepted(request: Request) -> None:
    accept = request.headers.get("accept", _MEDIA_TYPE)
    if _ACCEPTED.isdisjoint(each.partition(";")[0].strip().lower() for each in accept.split(",")):
        raise ApiError(406, {"message": f"Events are told as {_MEDIA_TYPE} only, which Accept: {accept} does not name"})


def _place(request: Request, bus: Bus) -> int:
    """The number after which the client wants to hear: the one it names, or the newest."""
    text = request.headers.get("last-event-id") or request.query_params.get("lastEventId") or ""
    if not text:
        return bus.last
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ApiError(400, {"message": f"The last event's id must be a number that this stream gave, not '{text}'"})
    # A number that was not given yet is of another stream, whose store is no more: what there is, is all news.
    return int(text) if int(text) <= bus.last else 0
