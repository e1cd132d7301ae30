"""Shared handling of requests: ids in paths, query parameters, bodies, and sending changes to the event loop."""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol

from starlette.requests import ClientDisconnect, Request

from scheduler.api.callers import caller_of
from scheduler.api.errors import ApiError, refused
from scheduler.core.effects import Answer, Done, Killed, Refused
from scheduler.core.events import Event, Origin, Rollout
from scheduler.core.views.extras import KEY
from scheduler.model.ids import canonical

LARGEST_BODY = 1024 * 1024
_LONGEST_UPLOAD = 120.0  # seconds
_LARGEST_BATCH = 100_000
_LONGEST_DEADLINE = 365 * 86_400.0
_VERSION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


class Requests(Protocol):
    """The part of the event loop that makes changes."""

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Submit the event made for the request's number, and return the answer once the change is durable."""


# ------------------------------------------------------------------------------- asking


async def accepted(requests: Requests, make_event: Callable[[int], Event]) -> Done:
    """Request a change. Raises ApiError if it is refused."""
    answer = await _ask(requests, make_event)
    assert isinstance(answer, Done)
    return answer


async def killed(requests: Requests, make_event: Callable[[int], Event]) -> Killed:
    """Request that instances be killed. Raises ApiError if it is refused."""
    answer = await _ask(requests, make_event)
    assert isinstance(answer, Killed)
    return answer


async def _ask(requests: Requests, make_event: Callable[[int], Event]) -> Done | Killed:
    answer = await requests.request(make_event)
    if isinstance(answer, Refused):
        raise refused(answer)
    return answer


# ------------------------------------------------------------------------------ reading


def id_in_path(text: str, collection: str = "pods") -> str:
    """The canonical form of an id in a path. Raises ApiError for a suffix that no route matched."""
    if "::" in text:
        raise ApiError(404, {"message": f"URI not found: /v2/{collection}/{text}"})
    return canonical(text)


def flag(request: Request, name: str) -> bool:
    """A boolean query parameter, by default false."""
    text = request.query_params.get(name, "false")
    if text.lower() not in ("true", "false"):
        raise _bad_query(name, "true or false", text)
    return text.lower() == "true"


def embedded(request: Request) -> list[str]:
    """The additions to the answer that the query parameter ``embed`` names."""
    return request.query_params.getlist("embed")


def wants_extras(request: Request) -> bool:
    """Whether the client asks for podexec's additions to Marathon's objects."""
    return KEY in embedded(request)


def brief(request: Request) -> bool:
    """Whether the client asks for summaries."""
    text = request.query_params.get("view", "full")
    if text not in ("full", "summary"):
        raise _bad_query("view", "full or summary", text)
    return text == "summary"


def rollout(request: Request) -> Rollout:
    """The request's options for the rollout of its change."""
    return Rollout(force=flag(request, "force"), batch_size=_batch_size(request), deadline=_deadline(request))


def versions_matched(request: Request) -> tuple[str, ...]:
    """The versions of a pod that the header ``If-Match`` names: the change is meant for those; empty: for any."""
    text = request.headers.get("if-match")
    if text is None:
        return ()
    found = tuple(each.strip().removeprefix('"').removesuffix('"') for each in text.split(","))
    if not all(map(_VERSION.fullmatch, found)):
        example = '"2026-01-31T12:00:00.000Z"'
        raise ApiError(400, {"message": f"The header If-Match must be a version of the pod, such as {example}"})
    return found


def origin(request: Request) -> Origin:
    """The origin of a request. Headers that anyone may set are not trusted."""
    return Origin(
        client_ip=request.client.host if request.client else "",
        uri=request.url.path,
        user=caller_of(request).name or "",
    )


async def json_body(request: Request, what: str) -> bytes:
    """The request's body, of limited size. ``what`` it should contain is named in errors. Raises ApiError."""
    body = bytearray()
    try:
        async with asyncio.timeout(_LONGEST_UPLOAD):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise ApiError(413, {"message": f"The body is larger than {LARGEST_BODY} bytes"})
    except TimeoutError:
        raise ApiError(408, {"message": f"The body did not arrive within {_LONGEST_UPLOAD:g} s"}) from None
    except ClientDisconnect:
        raise ApiError(400, {"message": "The connection ended before the body did"}) from None
    if not body:
        raise ApiError(400, {"message": f"The body is empty; it must contain {what} in JSON"})
    return bytes(body)


def _batch_size(request: Request) -> int | None:
    text = request.query_params.get("batchSize")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= _LARGEST_BATCH):
        raise _bad_query("batchSize", f"an integer from 1 to {_LARGEST_BATCH}", text)
    return int(text)


def _deadline(request: Request) -> float | None:
    text = request.query_params.get("deadlineSeconds")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= _LONGEST_DEADLINE:
        raise _bad_query("deadlineSeconds", f"a number above 0 and up to {_LONGEST_DEADLINE:.0f}", text)
    return seconds


def _bad_query(name: str, wanted: str, text: str) -> ApiError:
    return ApiError(400, {"message": f"The query parameter {name} must be {wanted}, not '{text}'"})
