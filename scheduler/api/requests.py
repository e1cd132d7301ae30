"""What every resource does with a request: ids in paths, queries, bodies, and asking the shell for a change."""

from collections.abc import Callable
from typing import Protocol

from fastapi import Request
from starlette.requests import ClientDisconnect

from scheduler.api.errors import ApiError, refused
from scheduler.core.effects import Answer, Done, Killed, Refused
from scheduler.core.events import Event, Origin, Rollout
from scheduler.core.views.extras import KEY
from scheduler.model.ids import canonical

LARGEST_BODY = 1024 * 1024
READING = ["GET", "HEAD"]
_LARGEST_BATCH = 100_000
_LONGEST_DEADLINE = 365 * 86_400.0


class Requests(Protocol):
    """The way to change anything: the shell."""

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Submit the event made for the request's number; the answer comes once it is durable."""


# ------------------------------------------------------------------------------- asking


async def accepted(requests: Requests, make_event: Callable[[int], Event]) -> Done:
    """Ask for a change that is carried out, or refused with an ApiError."""
    answer = await _ask(requests, make_event)
    assert isinstance(answer, Done)
    return answer


async def killed(requests: Requests, make_event: Callable[[int], Event]) -> Killed:
    """Ask for instances to be killed, or be refused with an ApiError."""
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
    """The one spelling of an id that a path gives. A suffix that no route has taken is part of no id."""
    if "::" in text:
        raise ApiError(404, {"message": f"URI not found: /v2/{collection}/{text}"})
    return canonical(text)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; false where it is not given."""
    text = request.query_params.get(name, "false")
    if text.lower() not in ("true", "false"):
        raise _bad_query(name, "true or false", text)
    return text.lower() == "true"


def embedded(request: Request) -> list[str]:
    """What is to be shown beside the usual, as the query ``embed`` names it."""
    return request.query_params.getlist("embed")


def wants_extras(request: Request) -> bool:
    """Whether the client asks for what podexec's objects have beyond Marathon's."""
    return KEY in embedded(request)


def rollout(request: Request) -> Rollout:
    """How the change that a request asks for is to be carried out."""
    return Rollout(force=flag(request, "force"), batch_size=_batch_size(request), deadline=_deadline(request))


def origin(request: Request) -> Origin:
    """Whence a request comes. Headers that anyone may set are not believed."""
    return Origin(client_ip=request.client.host if request.client else "", uri=request.url.path)


async def json_body(request: Request, what: str) -> bytes:
    """The request's JSON text, up to a size that nothing sane has. ``what``: it should hold, for whoever sent none."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(415, {"message": f"Content-Type must be application/json, not {kind}"})
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise ApiError(413, {"message": f"The body is larger than {LARGEST_BODY} bytes"})
    except ClientDisconnect:
        raise ApiError(400, {"message": "The connection ended before the body did"}) from None
    if not body:
        raise ApiError(400, {"message": f"The body must hold {what} as JSON data, and is empty"})
    return bytes(body)


def _batch_size(request: Request) -> int | None:
    text = request.query_params.get("batchSize")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= _LARGEST_BATCH):
        raise _bad_query("batchSize", f"a whole number from 1 to {_LARGEST_BATCH}", text)
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
