"""Passes requests on to the leader, and its answers back, as they come.

A request is passed on once: one that arrives with ``X-Marathon-Via`` at a scheduler that does not lead is refused, so
that none can go in circles. Nothing is sent twice that the leader may have taken.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.api.errors import json_response, not_taken
from scheduler.api.leadership import EndingError, Leadership, place_of
from scheduler.api.requests import LARGEST_BODY
from scheduler.core.views.extras import NOT_TAKEN

VIA: Final = "X-Marathon-Via"
POSITION: Final = "X-Podexec-Position"
PATIENCE = 5.0  # seconds for which a request waits for a leader
_PAUSE = 0.1
_CONNECT, _ASK = 2.0, 1.0  # seconds
_LAST_ANSWERS = 2.0  # seconds for which one that ceases to lead may still answer
_MOST_CONNECTIONS = 1000
_EVENTS = "text/event-stream"
# Of one connection only; what browsers say of the page, which was checked here; and what is written anew.
_NOT_SENT = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("host", "origin", "expect", "x-forwarded-for", VIA.lower()),
    )
)
_NOT_RETURNED = frozenset(("date", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"))
_READING = ("GET", "HEAD", "OPTIONS")


class Relay:
    """The way to the leader."""

    def __init__(
        self, leadership: Leadership, front: ASGIApp, tls: ssl.SSLContext | None = None, patience: float = PATIENCE
    ) -> None:
        """``front``: this scheduler's current app, for when it leads itself by the time. ``tls``: for leaders whose URL
        is https; None: the machine's CAs, read once there is such a leader. ``patience``: seconds for which a request
        waits for a leader.
        """
        self._leadership = leadership
        self._front = front
        self._patience = patience
        self._tls = tls
        self._clients: dict[bool, httpx2.AsyncClient] = {}  # by whether they have TLS

    async def close(self) -> None:
        """Close the connections to leaders."""
        for each in self._clients.values():
            await each.aclose()

    async def relay(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, once there is a leader that can be reached."""
        headers = Headers(scope=scope)
        body = _Body(headers, receive)
        until = asyncio.get_running_loop().time() + self._patience
        while (leader := await known_leader(self._leadership, until)) is not None:
            if leader == self._leadership.own:
                await self._front(scope, body.again, send)
                return
            if VIA in headers:
                await not_taken(circles(self._leadership))(scope, receive, send)
                return
            asked = httpx2.Request(
                scope["method"], leader + target_of(scope), headers=self._headers(scope), content=body.content()
            )
            try:
                response = await self._answer(leader, asked)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                await asyncio.sleep(_PAUSE)  # it has taken nothing; once its session has expired, another one leads
            except _ClientLeftError:
                return
            except (httpx2.RequestError, _LeaderLeftError) as error:
                if scope["method"] in _READING and body.is_empty:
                    await asyncio.sleep(_PAUSE)
                    continue
                await _broken_off(leader, error)(scope, receive, send)
                return
            else:
                async with contextlib.aclosing(_Closing(response)):
                    if NOT_TAKEN in response.headers and body.can_repeat:
                        await asyncio.sleep(_PAUSE)  # it has just ceased to lead
                        continue
                    await self._pass_back(leader, response, scope, receive, send)
                return
        await not_taken(unavailable(self._leadership))(scope, receive, send)

    async def ask(self, path: str, authorization: str | None) -> Any:
        """The JSON of the leader's answer to a GET of this standby's own, within a second; None: there is none."""
        leader = self._leadership.leader
        if leader is None or leader == self._leadership.own:
            return None
        headers = {VIA: self._via()} | ({} if authorization is None else {"Authorization": authorization})
        with contextlib.suppress(httpx2.RequestError, TimeoutError, ValueError):
            async with asyncio.timeout(_ASK):
                answer = await self._client(leader).send(httpx2.Request("GET", leader + path, headers=headers))
                return answer.json() if answer.is_success else None
        return None

    # ------------------------------------------------------------------------ helpers

    def _client(self, leader: str) -> httpx2.AsyncClient:
        """The one for this leader; made when it is needed, as reading the machine's CAs takes a while."""
        has_tls = leader.startswith("https:")
        if has_tls not in self._clients:
            own = self._tls or (True if has_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            self._clients[has_tls] = httpx2.AsyncClient(
                trust_env=False,
                verify=own,
                timeout=httpx2.Timeout(None, connect=_CONNECT),
                # The leader closes idle connections later than that, so that none ends while a request is sent on it.
                limits=httpx2.Limits(
                    max_connections=_MOST_CONNECTIONS, max_keepalive_connections=20, keepalive_expiry=2.0
                ),
            )
        return self._clients[has_tls]

    async def _answer(self, leader: str, asked: httpx2.Request) -> httpx2.Response:
        """The start of the answer. Raises _LeaderLeftError if it has not begun when another one leads for a while."""

        async def left() -> None:
            await self._leadership.leaves(leader)
            await asyncio.sleep(_LAST_ANSWERS)

        answering = asyncio.ensure_future(self._client(leader).send(asked, stream=True))
        await first(answering, asyncio.ensure_future(left()))
        if answering.cancelled():
            raise _LeaderLeftError("another scheduler leads now")
        return answering.result()

    async def _pass_back(
        self, leader: str, response: httpx2.Response, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass the answer on until its end, the leader's, or the client's."""
        headers = [(name, value) for name, value in response.headers.raw if _is_returned(name)]
        position = response.headers.get(POSITION, "")
        if position.isascii() and position.isdecimal():  # so that the client finds here what it has changed
            await self._leadership.reached(int(position))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        passing = asyncio.ensure_future(_pass_body(response, send))
        await first(
            passing,
            asyncio.ensure_future(self._leadership.leaves(leader)),
            asyncio.ensure_future(_client_left(receive)),
        )
        is_whole = not passing.cancelled() and passing.exception() is None
        if is_whole or response.headers.get("content-type", "").startswith(_EVENTS):
            with contextlib.suppress(OSError):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        # Otherwise the answer breaks off, so that the client notices.

    def _headers(self, scope: Scope) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in Headers(scope=scope).items() if _is_sent(name)]
        client = scope.get("client")
        return [*kept, (VIA, self._via()), *([("X-Forwarded-For", client[0])] if client else [])]

    def _via(self) -> str:
        return f"1.1 {place_of(self._leadership.own)}"


class _LeaderLeftError(Exception):
    """The leader no longer leads."""


class _ClientLeftError(Exception):
    """The client has disconnected before its request was complete."""


class _Body:
    """The body of a request, which can be sent again unless it is large."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self._kept: list[bytes] = []  # until it is large
        self._size = 0
        self._more = True
        self.is_empty = "transfer-encoding" not in headers and headers.get("content-length", "0").strip("0") == ""

    def content(self) -> AsyncIterator[bytes] | None:
        """It, as it arrives; None: there is none."""
        return None if self.is_empty else self._chunks()

    @property
    def can_repeat(self) -> bool:
        """Whether all that was sent of it is still there."""
        return self._size <= LARGEST_BODY

    async def again(self) -> Message:
        """Receive it, from its beginning, whatever was sent of it."""
        if self._kept:
            more = self._more or len(self._kept) > 1
            return {"type": "http.request", "body": self._kept.pop(0), "more_body": more}
        return await self._receive()

    async def _chunks(self) -> AsyncIterator[bytes]:
        for chunk in list(self._kept):
            yield chunk
        while self._more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _ClientLeftError
            chunk = message.get("body", b"")
            self._size += len(chunk)
            if self.can_repeat:
                self._kept.append(chunk)
            else:
                self._kept.clear()
            self._more = message.get("more_body", False)
            yield chunk


class _Closing:
    """An answer, to be closed at the end of a context."""

    def __init__(self, response: httpx2.Response) -> None:
        self.aclose = response.aclose


async def known_leader(leadership: Leadership, until: float) -> str | None:
    """The URL of the leader, as soon as there is one; None: there is none until then, in the asyncio loop's time.

    This scheduler is one only once it has taken over; of another one that is elected this is not known.
    """
    with contextlib.suppress(TimeoutError, EndingError):
        async with asyncio.timeout_at(until):
            while (leader := leadership.leader) is None or (leader == leadership.own and not leadership.leads):
                await leadership.leaves(leader)
            if asyncio.get_running_loop().time() < until:
                return leader
    return None


def target_of(scope: Scope) -> str:
    """Path and query of a request, as the client has written them."""
    path: str = scope["raw_path"].decode("latin-1").partition("?")[0]
    query: str = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def circles(leadership: Leadership) -> str:
    """Why a request that another scheduler passed on is not passed on again, for people."""
    own = place_of(leadership.own)
    return f"Another scheduler passed this request on, but {own} does not lead either: the leader changes; try again"


def unavailable(leadership: Leadership) -> str:
    """Why no leader has taken a request, for people."""
    leader = leadership.leader
    if leader is None:
        return "No scheduler leads at the moment: one is elected once ZooKeeper can be reached; try again"
    if leader == leadership.own:
        return "This scheduler is about to lead; try again"
    return f"The leader {place_of(leader)} cannot be reached; another one is elected if it is gone; try again"


async def first(*tasks: asyncio.Future[Any]) -> None:
    """Wait until one of the tasks is done, and cancel the others."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unfinished = [each for each in tasks if not each.done()]
        for each in unfinished:
            each.cancel()
        if unfinished:
            await asyncio.wait(unfinished)
        for each in tasks:
            if not each.cancelled():
                each.exception()  # or asyncio would say that nobody has seen it


def _broken_off(leader: str, error: Exception) -> Response:
    why = str(error) or type(error).__name__
    message = f"The leader {place_of(leader)} did not answer ({why}). The request may have been carried out"
    return json_response({"message": message}, 502)


async def _pass_body(response: httpx2.Response, send: Send) -> None:
    async for chunk in response.aiter_raw():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_sent(name: str) -> bool:
    return name not in _NOT_SENT and not name.startswith("sec-fetch-")


def _is_returned(name: bytes) -> bool:
    return name.lower().decode("latin-1") not in _NOT_RETURNED
