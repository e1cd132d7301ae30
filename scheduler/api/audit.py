"""Every write, every failed login and every request whose caller lacks a permission has a line in the audit log, with
its outcome. The guard adds a line for each look inside containers.

The line is written when the request has been answered. What only a handler knows - the user, the pod in a body, the
deployment - it tells with ``note``.
"""

import time
from collections import Counter
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.observe.audit import AuditLog

_NOTES = "podexec.audit"  # key in a request's scope
LACKS = "lacks"  # what to note of a caller without a permission
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_ANSWER = 499  # as nginx calls it: the client left first
_LONGEST = 2048  # characters of a path
_MOST_LINES, _PERIOD = 60, 60.0  # of what an address is refused, in this many seconds
_MOST_ADDRESSES = 1000


def note(connection: HTTPConnection, **what: object) -> None:
    """Tell the audit log something about this request. Does nothing for an application without one."""
    connection.scope.get(_NOTES, {}).update(what)


class Audit:
    """The middleware; outermost, so that it sees also what others refuse."""

    def __init__(self, app: ASGIApp, log: AuditLog) -> None:
        self._app = app
        self._log = log
        self._strangers = _Strangers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        notes: dict[str, object] = {}
        status: int = _NO_ANSWER

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                deployment_id = Headers(raw=message["headers"]).get("marathon-deployment-id")
                if deployment_id is not None:
                    notes["deployment_id"] = deployment_id
            await send(message)

        try:
            await self._app({**scope, _NOTES: notes}, receive, watched)
        except Exception:
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            raise
        finally:
            method = scope.get("method", "GET")
            is_stranger = "user" not in notes or status == HTTPStatus.UNAUTHORIZED  # which somebody claims to be
            if is_stranger and status >= HTTPStatus.BAD_REQUEST and not self._strangers.admit(scope, time.monotonic()):
                pass  # anybody could fill the disk with such lines
            elif status == HTTPStatus.UNAUTHORIZED:
                self._write("login failed", scope, status, notes)
            elif method not in _READING:
                self._write("write", scope, status, notes)
            elif LACKS in notes:
                self._write("refused", scope, status, notes)

    def _write(self, event: str, scope: Scope, status: int, notes: dict[str, object]) -> None:
        client = scope.get("client")
        self._log.write(
            event,
            client_ip=client[0] if client else None,
            method=scope.get("method"),
            path=scope["path"][:_LONGEST],
            query=scope["query_string"][:_LONGEST].decode("latin-1"),
            status=status,
            left_out=self._strangers.left_out(),
            **notes,
        )


class _Strangers:
    """Requests of nobody known that were not carried out: a limited number of an address has lines in a minute."""

    def __init__(self) -> None:
        self._began_at = float("-inf")
        self._lines: Counter[str] = Counter()  # by address
        self._left_out = 0

    def admit(self, scope: Scope, now: float) -> bool:
        """Whether such a request gets a line."""
        if now - self._began_at >= _PERIOD:
            self._began_at = now
            self._lines.clear()
        address = (scope.get("client") or ("",))[0]
        is_known = address in self._lines or len(self._lines) < _MOST_ADDRESSES
        is_in = is_known and self._lines[address] < _MOST_LINES
        if is_in:
            self._lines[address] += 1
        self._left_out += not is_in
        return is_in

    def left_out(self) -> int | None:
        """The number without a line since the last line, if there were any."""
        count, self._left_out = self._left_out, 0
        return count or None
