"""Who may use the API: whoever has the password, where there is one, and which pages of other origins may read it."""

import base64
import binascii
import hmac
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from scheduler.api.errors import json_response

USER = "podexec.user"  # in a request's scope: who it is, where that is asked for
_DAY = 86_400
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="podexec", charset="UTF-8"'}


@dataclass(frozen=True, slots=True)
class Access:
    """What an operator allows.

    Attributes:
        credentials: ``user:password``; None: everyone may do everything.
        origins: whose pages browsers let read the API; ``*``: all.
    """

    credentials: str | None = None
    origins: tuple[str, ...] = ()


EVERYONE = Access()


def install(app: FastAPI, access: Access) -> None:
    """Have requests checked before any route sees them; a browser's question about origins is no such request."""
    if access.credentials is not None:
        app.add_middleware(_BasicAuthentication, credentials=access.credentials)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=("GET", "HEAD"),  # as Marathon: pages of others may look, and change nothing
            allow_headers=("*",),
            max_age=_DAY,
        )


class _BasicAuthentication:
    """Lets requests with the credentials through."""

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
            refusal = json_response({"message": "This API wants a user and a password"}, 401, _CHALLENGE)
            await refusal(scope, receive, send)

    def _are_given(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given, self._credentials)
