"""HTTP to masters and agents, with one connection pool and errors that say who did not answer."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog

from scheduler.loop.inside import InsideError, Why
from scheduler.mesos.tls import Tls
from scheduler.model.json import Json
from scheduler.model.shapes import shown

_CONNECT, _ANSWER = 5.0, 10.0
_SILENCE = 90.0  # agents send heartbeats every 30 seconds
_LONGEST_REASON = 500
# An absolute path, up to the end of its quotes or of the word; not the path of a URL of a server.
_PATH = re.compile(
    r"""(?:file://|(?<=')|(?<=")|(?<![\w:/.-])|(?<=:)(?!//))/(?:(?<='/)[^']*|(?<="/)[^"]*|[^\s'",;)\]]*)"""
)
_LARGEST_ANSWER = 64 * 1024 * 1024
_LONGEST_ANSWER = 60.0  # seconds from its head to its end
_log = structlog.get_logger("scheduler.inside")
_STREAMED = {"Accept": "application/recordio", "Message-Accept": "application/json"}


class MesosRefusedError(Exception):
    """A master or agent has answered with an error. The message is for users, ``answer`` for the log."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(_without_paths(text) or f"HTTP {status}")
        self.status = status
        self.answer = text.strip()[:_LONGEST_REASON]


class SilenceError(InsideError):
    """A master or agent was asked and has not answered in time."""


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
            response = _plain(who, await client.send(request, stream=True, follow_redirects=True))
            content = await _content(who, response)
        return _json(who, _good(who, response, content))

    async def call(self, who: str, url: str, body: Json, headers: Mapping[str, str], seconds: float = _ANSWER) -> Json:
        """Make an operator call and return its answer; {} if it has no content."""
        content = await self.call_undecoded(who, url, body, headers, seconds)
        return _json(who, content) if content else {}

    async def call_undecoded(
        self, who: str, url: str, body: Json, headers: Mapping[str, str], seconds: float = _ANSWER
    ) -> bytes:
        """Make an operator call and return its answer as it came, for one that takes long to decode."""
        timeout = httpx2.Timeout(seconds, connect=_CONNECT)
        client = self._current_client()
        with _answering(who):
            request = client.build_request("POST", url, json=body, headers=headers, timeout=timeout)
            response = _plain(who, await client.send(request, stream=True))
            content = await _content(who, response)
        return _good(who, response, content)

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
            _plain(who, response)
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
            headers={"Accept-Encoding": "identity"},
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=50),
            trust_env=False,
        )


def told(who: str, what: str, error: MesosRefusedError, why: Why = Why.UNABLE) -> InsideError:
    """The error for a refusal, whose whole text is only in the log: users need not know the paths of agents."""
    _log.info("Mesos refused a request", by=who, status=error.status, answer=error.answer)
    return InsideError(why, f"{who} {what}: {error}")


def _without_paths(text: str) -> str:
    return _PATH.sub("…", text.strip()[:_LONGEST_REASON])


def usable(url: str) -> str:
    """The same URL. Raises ValueError if no request can be sent to it."""
    try:
        httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(str(error)) from error
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError("it has no host, or no port")
    return url


def record(message: Json) -> bytes:
    """A message framed as RecordIO."""
    body = orjson.dumps(message)
    return b"%d\n%b" % (len(body), body)


async def _pieces(who: str, response: httpx2.Response) -> AsyncIterator[bytes]:
    with _answering(who):
        async for piece in response.aiter_raw():
            yield piece


def _plain(who: str, response: httpx2.Response) -> httpx2.Response:
    """The response, unless it is compressed: a small one could then become large."""
    coding = response.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise InsideError(
            Why.UNABLE, f"{who} answered with the Content-Encoding {shown(coding)}, which is not accepted"
        )
    return response


async def _content(who: str, response: httpx2.Response) -> bytes:
    """Read a whole answer, of limited size, and close it."""
    content = bytearray()
    try:
        async with asyncio.timeout(_LONGEST_ANSWER):
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > _LARGEST_ANSWER:
                    raise InsideError(Why.UNABLE, f"{who} answered with more than {_LARGEST_ANSWER >> 20} MiB")
    except TimeoutError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} did not answer completely in {_LONGEST_ANSWER:g} s") from error
    finally:
        await response.aclose()
    return bytes(content)


def _good(who: str, response: httpx2.Response, content: bytes) -> bytes:
    if response.status_code == HTTPStatus.OK:
        return content
    error = MesosRefusedError(response.status_code, content.decode(errors="replace"))
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        raise told(who, "is not ready", error, Why.UNREACHABLE)
    raise error


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
    """Turns network errors into InsideError, and those of URLs with ids that others have told."""
    try:
        yield
    except httpx2.InvalidURL as error:
        raise InsideError(Why.UNABLE, f"{who} cannot be asked: {error}") from error
    except httpx2.ConnectError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} cannot be reached: {error}") from error
    except httpx2.ReadTimeout as error:
        raise SilenceError(Why.UNREACHABLE, f"{who} does not answer") from error
    except httpx2.TimeoutException as error:
        raise InsideError(Why.UNREACHABLE, f"{who} does not answer") from error
    except httpx2.RequestError as error:
        raise InsideError(Why.UNREACHABLE, f"{who} closed the connection") from error
