"""``/session``: what the web interface knows of its user, and logging in and out.

The interface cannot keep credentials itself: whatever its script can read, an injected script could. It sends them
once; the scheduler keeps them in memory, and the browser gets a random number in a cookie that scripts cannot read and
that it sends with requests of the scheduler's own pages only. docs/adr/0026-sessions.md says why so.

The cookie has no path, so that it is for the folder of ``/session``, whatever prefix a proxy puts before it.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import INSIDE, Permission
from scheduler.api.callers import caller_of
from scheduler.api.errors import ApiError, json_response
from scheduler.api.needs import any_caller
from scheduler.api.requests import id_in_path
from scheduler.api.routes import route

PATH = "/session"
COOKIE = "podexec-session"
FROM_SCRIPT = "x-requested-with"  # header of requests whose 401 the page shows itself, instead of the browser
_IDLE = 12 * 3600.0  # seconds after which an unused session ends
_MOST = 10_000
_LONGEST_ID = 128


@dataclass(slots=True)
class _Session:
    authorization: str
    used_at: float


class Sessions:
    """The sessions of this process, by the SHA-256 of their number; the one that was not used for longest first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions: dict[str, _Session] = {}
        self._clock = clock

    def start(self, authorization: str) -> str:
        """Keep the value of a valid ``Authorization`` header; returns the number of the new session."""
        number = secrets.token_urlsafe(32)
        self._sessions[_digest(number)] = _Session(authorization, self._clock())
        if len(self._sessions) > _MOST:
            del self._sessions[next(iter(self._sessions))]
        return number

    def authorization(self, connection: HTTPConnection) -> str | None:
        """The ``Authorization`` header that a request's cookie stands for; None: it has no session."""
        number = connection.cookies.get(COOKIE, "")
        if not 0 < len(number) <= _LONGEST_ID:
            return None
        key, now = _digest(number), self._clock()
        session = self._sessions.pop(key, None)
        if session is None or now - session.used_at > _IDLE:
            return None
        session.used_at = now
        self._sessions[key] = session
        return session.authorization

    def end(self, connection: HTTPConnection) -> None:
        """End the session of a request, if it has one."""
        self._sessions.pop(_digest(connection.cookies.get(COOKIE, "")), None)


def session_routes(sessions: Sessions, allowed: frozenset[Permission]) -> list[Route]:
    """The routes. ``allowed``: what this scheduler allows inside containers."""

    async def show(request: Request) -> Response:
        caller = caller_of(request)
        pod_id = request.query_params.get("pod")
        limit = (frozenset(Permission) - INSIDE) | allowed
        if pod_id is None:
            found = frozenset().union(*caller.grants.exact.values(), *caller.grants.below.values())
        else:
            asked_for = id_in_path(pod_id)
            found = frozenset(each for each in Permission if caller.may(each, asked_for))
        shown = {
            "user": caller.name,
            "isSession": sessions.authorization(request) is not None,
            "permissions": sorted(found & limit),
        }
        return json_response(shown)

    async def start(request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        if not authorization or caller_of(request).name is None:
            raise ApiError(400, {"message": "There is nothing to log in to: this scheduler asks for no credentials"})
        sessions.end(request)
        answer = Response(status_code=204)
        # A proxy may have the TLS, so the page's own address counts.
        is_secure = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
        answer.set_cookie(
            COOKIE, sessions.start(authorization), path=None, httponly=True, samesite="strict", secure=is_secure
        )
        return answer

    async def end(request: Request) -> Response:
        sessions.end(request)
        answer = Response(status_code=204)
        answer.set_cookie(COOKIE, "", max_age=0, path=None, httponly=True, samesite="strict")
        return answer

    return [
        route(PATH, show, needs=any_caller),
        route(PATH, start, ["POST"], needs=any_caller),
        route(PATH, end, ["DELETE"], needs=any_caller),
    ]


def is_of_script(headers: Headers) -> bool:
    """Whether the page that sent a request shows a 401 itself."""
    return FROM_SCRIPT in headers


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "surrogatepass")).hexdigest()
