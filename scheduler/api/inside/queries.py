"""Query parameters of the routes that look inside containers."""

from datetime import datetime

from starlette.requests import HTTPConnection, Request

from scheduler.api.errors import ApiError
from scheduler.api.requests import flag


def text(request: HTTPConnection, name: str) -> str | None:
    """A parameter, or None if it is absent."""
    return request.query_params.get(name)


def executor(request: Request) -> bool:
    """Whether the request is about the executor instead of a container."""
    given = flag(request, "executor")
    if given and text(request, "container") is not None:
        raise ApiError(400, {"message": "executor and container cannot be combined"})
    return given


def number(request: Request, name: str, largest: int) -> int | None:
    """An integer parameter from 0 to ``largest``, or None if it is absent."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= len(str(largest)) and int(given) <= largest):
        message = f"The query parameter {name} must be an integer from 0 to {largest}, not '{given}'"
        raise ApiError(400, {"message": message})
    return int(given)


def moment(request: Request, name: str) -> float | None:
    """A time in RFC 3339, in seconds since the epoch, or None if it is absent."""
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
        if found.tzinfo is not None:
            return found.timestamp()
    except (ValueError, OverflowError):
        pass
    message = f"The query parameter {name} must be a time such as 2026-01-31T12:00:00Z, not '{given}'"
    raise ApiError(400, {"message": message})


def path(request: Request, *, required: bool) -> str:
    """The parameter ``path``: a path within a sandbox, relative to it."""
    given = (request.query_params.get("path") or "").strip("/")
    parts = [part for part in given.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in given:
        raise ApiError(400, {"message": f"The path '{given}' leads out of the sandbox"})
    if required and not parts:
        raise ApiError(400, {"message": "The query parameter path must name a file in the sandbox"})
    return "/".join(parts)
