"""Access to the API: authentication, and CORS for pages of other origins."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler.access.authenticator import Authenticator, BusyError, Credentials, RefusedError
from scheduler.access.callers import Caller
from scheduler.access.jwts import Issuer
from scheduler.api import executor, ui
from scheduler.api.audit import note
from scheduler.api.callers import CALLER
from scheduler.api.errors import json_response
from scheduler.api.sessions import Sessions, is_of_script
from scheduler.api.throttle import Throttle, too_many_failures

_DAY = 86_400
_LOOK_EVERY = 1.0  # seconds between two looks whether the callers of open requests still may make them
_BASIC, _BEARER = 'Basic realm="podexec", charset="UTF-8"', 'Bearer realm="podexec"'
_POLICY_VIOLATION = 1008  # RFC 6455
_NO_LONGER = "the credentials are no longer valid, or their permissions have changed"


@dataclass(frozen=True, slots=True)
class Access:
    """The operator's access settings. Raises OSError or PrincipalsError if the principals file cannot be used.

    Attributes:
        credentials: ``user:password`` of one user who may do everything.
        origins: origins whose pages browsers allow to read the API; ``*``: all.
        principals: the file of users, their passwords and tokens, and rules.
        issuers: of JWTs.
        authenticator: one for all apps of the process: what it has read stays in use while the file cannot be used.

    Without any credentials, file or issuer everyone may do everything.
    """

    credentials: str | None = None
    origins: tuple[str, ...] = ()
    principals: Path | None = None
    issuers: tuple[Issuer, ...] = ()
    authenticator: Authenticator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        credentials = Credentials(self.credentials, self.principals, self.issuers)
        object.__setattr__(self, "authenticator", Authenticator(credentials))


EVERYONE = Access()


def install(app: Starlette, access: Access, sessions: Sessions) -> None:
    """Find out who makes a request before any route sees it. A browser's CORS preflight needs no credentials.

    ``sessions``: those of the web interface.
    """
    app.add_middleware(_Authentication, authenticator=access.authenticator, sessions=sessions)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=("GET", "HEAD"),  # as Marathon: other origins may read, not change
            allow_headers=("*",),
            max_age=_DAY,
        )


class _Authentication:
    """Puts the caller into a request's scope, or answers with 401. The files of the executor and of the web interface
    are for everybody.

    A request of a session gets its credentials, also in its headers: a standby passes them on to the leader.

    A request that lasts, such as an event stream, ends once its caller's credentials are no longer valid, or their
    permissions have changed.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, sessions: Sessions) -> None:
        self._app = app
        self._authenticator = authenticator
        self._sessions = sessions
        self._open: dict[asyncio.Task[object], Caller] = {}
        self._ended: set[asyncio.Task[object]] = set()
        self._is_looking = False
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        header, address = Headers(scope=scope).get("authorization", ""), (scope.get("client") or ("",))[0]
        session = None if header else self._sessions.authorization(HTTPConnection(scope))
        if session is not None:
            header = session
            scope = {**scope, "headers": [*scope["headers"], (b"authorization", header.encode("latin-1"))]}
        wait = self._throttle.may_try(address, time.monotonic()) if header else 0.0
        if wait:
            await too_many_failures(wait)(scope, receive, send)
            return
        try:
            caller = await self._authenticator.caller(header)
        except RefusedError as error:
            if session is not None:
                self._sessions.end(HTTPConnection(scope))
            elif header:
                self._throttle.failed(address, time.monotonic())
            note(HTTPConnection(scope), user=error.user, reason=str(error))
            await self._refusal(error, Headers(scope=scope))(scope, receive, send)
        except BusyError as error:
            await json_response({"message": f"{error}; try again later"}, 503, {"Retry-After": "1"})(
                scope, receive, send
            )
        else:
            self._throttle.passed(address)
            note(HTTPConnection(scope), user=caller.name, token=caller.token)
            await self._serve(caller, {**scope, CALLER: caller}, receive, send)

    def _refusal(self, error: RefusedError, headers: Headers) -> Response:
        """The answer to a failed login: every one passes here."""
        answer = json_response({"message": str(error)}, 401)
        if self._authenticator.takes_passwords:
            # At a scheme that it knows, a browser would ask for the password itself.
            answer.headers.append("WWW-Authenticate", f"x{_BASIC}" if is_of_script(headers) else _BASIC)
        if self._authenticator.takes_tokens:
            answer.headers.append("WWW-Authenticate", _BEARER)
        return answer

    async def _serve(self, caller: Caller, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if task is None or caller.proof is None:  # which cannot be revoked
            await self._app(scope, receive, send)
            return
        self._open[task] = caller
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if task not in self._ended:
                raise
            task.uncancel()
            if scope["type"] == "websocket":
                await _close(send)
        finally:
            del self._open[task]
            self._ended.discard(task)

    def _look(self) -> None:
        """End the requests whose caller may no longer make them. Their answers break off, so that clients notice."""
        for task, caller in self._open.items():
            if task not in self._ended and not self._authenticator.is_current(caller):
                self._ended.add(task)
                task.cancel()
        self._is_looking = bool(self._open)
        if self._is_looking:
            asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)


def _is_open(path: str) -> bool:
    return path.startswith(executor.PREFIX) or ui.is_open(path)


async def _close(send: Send) -> None:
    await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": _NO_LONGER})
