"""``/v2/events``: the event stream, as server-sent events.

Every event has a number. A client that reconnects names the last one it received (``Last-Event-ID``) and gets all that
followed, as far as they are kept. The server keeps only each client's position, so a slow client is never dropped and
costs nothing; one that falls further behind sees a gap in the numbers.

Marathon's clients know only Marathon's event types, and many fail on others: podexec's own types are sent only to
clients that name them or ask for podexec's additions.

A caller who may not view every pod gets the events all of whose pods it may view, and none that is about the scheduler.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from scheduler.api.callers import viewable
from scheduler.api.errors import ApiError
from scheduler.api.needs import by_handler
from scheduler.api.requests import wants_extras
from scheduler.api.routes import routes
from scheduler.core.events import Event, StreamAttached, StreamDetached
from scheduler.loop.bus import Bus, StreamEvent
from scheduler.model.json import Json

KEEP_ALIVE = 15.0  # seconds of silence after which a comment shows that the connection lives
_MEDIA_TYPE = "text/event-stream"
_ACCEPTED = frozenset({_MEDIA_TYPE, "text/*", "*/*"})
_COMMENT = b":\n\n"
# Marathon's event types that podexec publishes. All others are podexec's own.
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
    """The part of the event loop that the stream needs."""

    @property
    def bus(self) -> Bus:
        """The stream."""

    def submit(self, event: Event) -> None:
        """Send an event to the core."""


def event_routes(publisher: Publisher) -> list[Route]:
    """The route."""

    async def follow(request: Request) -> Response:
        _require_accepted(request)
        after = _place(request, publisher.bus)
        if request.method == "HEAD":
            return Response(media_type=_MEDIA_TYPE)
        address = request.client.host if request.client else ""
        return _Stream(publisher, address, _frames(publisher.bus, after, _kinds(request), viewable(request)))

    return routes("/v2/events", follow, needs=by_handler)


class _Stream(StreamingResponse):
    """An answer that lasts until its client leaves or the scheduler stops. The core hears of its start and end."""

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


async def _frames(
    bus: Bus, after: int, kinds: frozenset[str] | None, shown: Callable[[str], bool] | None
) -> AsyncIterator[bytes]:
    """The frames of events after ``after``, of these kinds, and about pods that are shown; None: of all."""
    now = asyncio.get_running_loop().time
    silent_until = now() + KEEP_ALIVE
    yield _COMMENT  # the client sees at once that it is connected
    while not bus.closed:
        events = await bus.read_after(after, max(0.0, silent_until - now()))
        chunk = b"".join(_frame(each) for each in events if _is_wanted(each, kinds, shown))
        if events:
            after = events[-1].number
        if not chunk and now() >= silent_until:
            chunk = _COMMENT
        if chunk:
            yield chunk
            silent_until = now() + KEEP_ALIVE


def _is_wanted(event: StreamEvent, kinds: frozenset[str] | None, shown: Callable[[str], bool] | None) -> bool:
    if kinds is not None and event.kind not in kinds:
        return False
    if shown is None:
        return True
    pods = event.pods or _pods_in(orjson.loads(event.data))
    return bool(pods) and all(map(shown, pods))


def _pods_in(content: Json) -> Sequence[str]:
    """The pods that an event names, as far as it does."""
    plan = content.get("plan")
    if plan is not None:
        return [action["pod"] for step in plan["steps"] for action in step["actions"]]
    return [content[key] for key in ("runSpecId", "appId") if key in content]


def _frame(event: StreamEvent) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event.number, event.kind.encode(), event.data)


def _kinds(request: Request) -> frozenset[str] | None:
    """The event types to send to the client; None: all."""
    named = frozenset(request.query_params.getlist("event_type"))
    return named or (None if wants_extras(request) else _MARATHONS)


def _require_accepted(request: Request) -> None:
    accept = request.headers.get("accept", _MEDIA_TYPE)
    if _ACCEPTED.isdisjoint(each.partition(";")[0].strip().lower() for each in accept.split(",")):
        message = f"This endpoint only produces {_MEDIA_TYPE}; Accept: {accept} does not allow it"
        raise ApiError(406, {"message": message})


def _place(request: Request, bus: Bus) -> int:
    """The number of the last event that the client has: the one it names, or the newest."""
    text = request.headers.get("last-event-id") or request.query_params.get("lastEventId") or ""
    if not text:
        return bus.last
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ApiError(400, {"message": f"Last-Event-ID must be an event id of this stream, not '{text}'"})
    # A number higher than the last is of another store's stream, which no longer exists: all events are new to it.
    return int(text) if int(text) <= bus.last else 0
