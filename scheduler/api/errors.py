"""Error answers, with bodies like Marathon's: a ``message``, and ``details`` by path if there are any.

Messages are for people: what is wrong and, if it helps, what to do. Tools use the status and the paths. Both quote the
request and may be shown on terminals, so control characters in them are escaped.
"""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.core.effects import Refused, absent
from scheduler.core.views.extras import NOT_TAKEN
from scheduler.loop.event_loop import LoopError, NotTakenError
from scheduler.loop.inside import InsideError, Why
from scheduler.model.json import Json
from scheduler.model.problems import Problem, Problems, Stage
from scheduler.model.urls import without_password
from scheduler.observe.visible import visible

_REFUSALS = {"exists": 409, "locked": 409, "needed": 409, "busy": 403, "outdated": 412}
_INSIDE = {Why.ABSENT: 404, Why.UNABLE: 409, Why.UNREACHABLE: 502}


class ApiError(Exception):
    """Ends a request with an error answer."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body["message"])
        self.status = status
        self.body = body


def json_response(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def not_found(kind: str, name: str) -> ApiError:
    """The error for a pod, group or deployment that does not exist."""
    return refused(absent(kind, name))


def unacceptable(problems: Problems) -> ApiError:
    """The error for a definition that cannot be read or is not valid."""
    if problems.stage is Stage.SYNTAX:
        return ApiError(400, {"message": "Invalid JSON", "details": problems.items[0].error})
    message = "Invalid JSON" if problems.stage is Stage.SCHEMA else "Object is not valid"
    return ApiError(422, {"message": message, "details": _by_path(problems.items)})


def refused(answer: Refused) -> ApiError:
    """The error for a request that the core refused."""
    if answer.kind == "absent":
        return ApiError(404, {"message": answer.message, "details": []})
    if answer.kind == "invalid":
        problems = (Problem(path, error) for path, error in answer.problems)
        return ApiError(422, {"message": answer.message, "details": _by_path(problems)})
    body: Json = {"message": answer.message}
    if answer.deployments:
        body["deployments"] = [{"id": deployment_id} for deployment_id in answer.deployments]
    return ApiError(_REFUSALS[answer.kind], body)


def refusal_of(error: ApiError) -> Response:
    """The answer, for middleware; routes raise the error."""
    return _refusal(error.body, error.status)


def install(app: Starlette) -> None:
    """Answer all exceptions in Marathon's form."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(LoopError, _unavailable)
    app.add_exception_handler(InsideError, _inside_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


def _by_path(problems: Iterable[Problem]) -> list[Json]:
    grouped: dict[str, list[str]] = {}
    for problem in problems:
        grouped.setdefault(problem.path, []).append(problem.error)
    return [{"path": path, "errors": errors} for path, errors in grouped.items()]


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return refusal_of(error)


async def _unavailable(request: Request, error: Exception) -> Response:
    if isinstance(error, NotTakenError) or request.method in ("GET", "HEAD"):
        return not_taken(str(error))
    return _refusal({"message": str(error)}, 503)


def not_taken(message: str) -> Response:
    """The answer to a request of which it is certain that nothing was done, so that it may be made again elsewhere."""
    return _refusal({"message": message}, 503, {NOT_TAKEN: "1", "Retry-After": "1"})


async def _inside_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InsideError)
    return _refusal({"message": str(error), "details": []}, _INSIDE[error.why])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {
        404: f"URI not found: {request.url.path}",
        405: f"Method {request.method} is not allowed for {request.url.path}",
    }
    message = texts.get(error.status_code, error.detail)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return _refusal({"message": message}, error.status_code, headers)


def _methods(request: Request) -> list[str]:
    """The methods of all routes to this path: Starlette names those of the first one."""
    path = request.scope["path"]
    there = (each for each in request.app.routes if isinstance(each, Route) and each.path_regex.match(path))
    return sorted({method for each in there for method in each.methods or ()})


async def _fault(request: Request, error: Exception) -> Response:
    """A bug of ours. The answer has no details; the server logs the traceback."""
    return _refusal({"message": "The scheduler failed to answer this request; its log says why."}, 500)


def _refusal(body: Json, status: int, headers: dict[str, str] | None = None) -> Response:
    return json_response(_visible(body), status, headers)


def _visible(value: Any) -> Any:
    """The value with all strings made safe to show, without the passwords in URLs."""
    match value:
        case str():
            return visible(without_password(value), lines=True)
        case list():
            return [_visible(each) for each in value]
        case dict():
            return {key: _visible(each) for key, each in value.items()}
        case _:
            return value
