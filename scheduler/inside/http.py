"""HTTP to masters and agents, with one connection pool and errors that say who did not answer."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from http import HTTPStatus

import httpx2
import orjson

from scheduler.loop.inside import InsideError, Why
from scheduler.mesos.tls import Tls
from scheduler.model.json import Json

_CONNECT, _ANSWER = 5.0, 10.0
_SILENCE = 90.0  # agents send heartbeats every 30 seconds
_LONGEST_REASON = 500
_LARGEST_ANSWER = 64 * 1024 * 1024
_STREAMED = {"Accept": "application/recordio", "Message-Accept": "application/json"}


class MesosRefusedError(Exception):
    """A master or agent has answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text.strip()[:_LONGEST_REASON] or f"HTTP {status}")
        self.status = status


class Http:
    """A client for one event loop. Every method raises MesosRefusedError, and InsideError if there is no answer.

    ``who`` is the master or agent, as shown to people.
    """

    def __init__(self, tls: Tls | None) -> None:
        self._tls = tls
        self._context = self.context()
        self._client = self._new_client()

    @property
    def scheme(self) -> str:
        """The scheme of all URLs."""
        return "http" if self._tls is None else "https"

    async def get(self, who: str, url: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Json:
        """Get a JSON object."""
        client = self._current_client()
        with _answering(who):
            request = client.build_request("GET", url, params=query, headers=headers)
            response = await client.send(request, stream=True, follow_redirects=True)
            content = await _content(who, response)
        return _json(who, _good(who, response, content))

    async def call(self, who: str, url: str, body: Json, headers: Mapping[str, str], seconds: float = _ANSWER) -> Json:
        """Make an operator call and return its answer; {} if it has no content."""
        timeout = httpx2.Timeout(seconds, connect=_CONNECT)
        client = self._current_client()
        with _answering(who):
            request = client.build_request("POST", url, json=body, headers=headers, timeout=timeout)
            content = await _content(who, response := await client.send(request, stream=True))
        _good(who, response, content)
        return _json(who, content) if content else {}

    @contextlib.asynccontextmanager
    async def stream(
        self, who: str, url: str, body: Json, headers: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The pieces of a streamed answer. The connection is closed at its end, or at the end of the context."""
        timeout = httpx2.Timeout(_ANSWER, connect=_CONNECT, read=_SILENCE)
        with _answering(who):
            request = self._current_client().build_request(
                "POST", url, json=body, headers={**headers, **_STREAMED}, timeout=timeout
            )
            response = await self._current_client().send(request, stream=True)
        try:
            if response.status_code != HTTPStatus.OK:
                with _answering(who):
                    content = await _content(who, response)
                _good(who, response, content)
            yield _pieces(who, response)
        finally:
            await response.aclose()

    def context(self) -> ssl.SSLContext | None:
        """The TLS context, for connections made elsewhere; None: no TLS."""
        return None if self._tls is None else self._tls.context()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    def _current_client(self) -> httpx2.AsyncClient:
        """A client with the current certificates, which may be renewed; old clients end with their last request."""
        context = self.context()
        if context is not self._context:
            self._context = context
            self._client = self._new_client()
        return self._client

    def _new_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            verify=self._context or False,  # without TLS there is nothing to verify
            timeout=httpx2.Timeout(_ANSWER, connect=_CONNECT),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=50),
            trust_env=False,
        )


def record(message: Json) -> bytes:
    """A message framed as RecordIO."""
    body = orjson.dumps(message)
    return b"%d\n%b" % (len(body), body)


async def _pieces(who: str, response: httpx2.Response) -> AsyncIterator[bytes]:
    with _answering(who):
        async for piece in response.aiter_raw():
            yield piece


async def _content(who: str, response: httpx2.Response) -> bytes:
    """Read a whole answer, of limited size, and close it."""
    content = bytearray()
    try:
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > _LARGEST_ANSWER:
                raise InsideError(Why.UNABLE, f"{who} answered with more than {_LARGEST_ANSWER >> 20} MiB")
    finally:
        await response.aclose()
    return bytes(content)


def _good(who: str, response: httpx2.Response, content: bytes) -> bytes:
    if response.status_code == HTTPStatus.OK:
        return content
    text = content.decode(errors="replace")
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        raise InsideError(Why.UNREACHABLE, f"{who} is not ready: {text.strip()[:_LONGEST_REASON]}")
    raise MesosRefusedError(response.status_code, text)


def _json(who: str, content: bytes) -> Json:
    try:
        answer: Json = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} did not answer in JSON") from error
    if not isinstance(answer, dict):
        raise unknown_form(who)
    return answer


@contextlib.contextmanager
def understanding(who: str) -> Iterator[None]:
    """Turns exceptions from JSON of an unexpected shape into InsideError."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise unknown_form(who) from error


def unknown_form(who: str) -> InsideError:
    """The error for an answer that cannot be read."""
    return InsideError(Why.UNABLE, f"{who} answered in a format that this version of podexec does not know")


@contextlib.contextmanager
def _answering(who: str) -> Iterator[None]:
    """Turns network errors into InsideError."""
    try:
        yield
    except httpx2.ConnectError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} cannot be reached: {error}") from error
    except httpx2.TimeoutException as error:
        raise InsideError(Why.UNREACHABLE, f"{who} does not answer") from error
    except httpx2.RequestError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} closed the connection") from error
