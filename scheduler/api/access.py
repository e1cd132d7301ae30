"""Access to the API: HTTP Basic authentication, and CORS for pages of other origins."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler.api.errors import json_response

USER = "podexec.user"  # key in a request's scope: the authenticated user
_DAY = 86_400
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="podexec", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Access:
    """The operator's access settings.

    Attributes:
        credentials: ``user:password``; None: everyone may do everything.
        origins: origins whose pages browsers allow to read the API; ``*``: all.
    """

    credentials: str | None = None
    origins: tuple[str, ...] = ()


EVERYONE = Access()


def install(app: Starlette, access: Access) -> None:
    """Check requests before any route sees them. A browser's CORS preflight needs no credentials."""
    if access.credentials is not None:
        app.add_middleware(_BasicAuthentication, credentials=access.credentials)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=("GET", "HEAD"),  # as Marathon: other origins may read, not change
            allow_headers=("*",),
            max_age=_DAY,
        )


class _BasicAuthentication:
    """Answers requests without the credentials with 401."""

    def __init__(self, app: ASGIApp, credentials: str) -> None:
        self._app = app
        self._credentials = credentials.encode()
        self._user = credentials.partition(":")[0]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif self._are_given(Headers(scope=scope).get("authorization", "")):
            await self._app({**scope, USER: self._user}, receive, send)
        else:
            refusal = json_response({"message": "This API requires a user and a password"}, 401, _CHALLENGE)
            await refusal(scope, receive, send)

    def _are_given(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._credentials)
