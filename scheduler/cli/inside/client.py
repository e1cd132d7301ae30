"""The client for the part of the API that looks inside containers."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import httpx2

from scheduler.cli.client import Client, ClientError
from scheduler.model.json import Json

_TIMEOUT = 30.0
_SILENCE = 60.0  # seconds; the scheduler sends a sign of life every 15

Query = Mapping[str, str]


class InsideClient(Client):
    """A client with these requests as well. Queries are the API's."""

    def logs(self, pod_id: str, query: Query) -> Iterator[Json]:
        """Log lines and events, as they arrive."""
        with self._stream("GET", f"{_path(pod_id)}::logs", query) as response:
            for line in response.iter_lines():
                if line:
                    yield json.loads(line)

    def usage(self, pod_id: str) -> list[Json]:
        """The resource usage of every instance's containers."""
        usage: list[Json] = self._decode(self._ask("GET", f"{_path(pod_id)}::usage"))
        return usage

    def files(self, pod_id: str, query: Query) -> list[Json]:
        """The entries of a directory in a sandbox."""
        files: list[Json] = self._decode(self._ask("GET", f"{_path(pod_id)}::files", query=query))
        return files

    def read_file(self, pod_id: str, query: Query) -> Iterator[bytes]:
        """The content of a file in a sandbox."""
        with self._stream("GET", f"{_path(pod_id)}::files/read", query) as response:
            yield from response.iter_bytes()

    def packed(self, pod_id: str, query: Query) -> Generator[bytes]:
        """A file or directory of a container, as a tar stream."""
        with self._stream("GET", f"{_path(pod_id)}::archive", query) as response:
            yield from response.iter_bytes()

    def unpack(self, pod_id: str, query: Query, tar: Iterable[bytes]) -> None:
        """Unpack a tar stream into a directory of a container."""
        with self._stream("PUT", f"{_path(pod_id)}::archive", query, tar):
            pass

    def exec_url(self, pod_id: str, query: Query) -> str:
        """URL of the WebSocket that runs commands, including user and password if they are sent."""
        parts = urlsplit(self.url if self.headers else self._endpoints.current.given)
        scheme = {"http": "ws", "https": "wss"}[parts.scheme]
        path = f"{parts.path.rstrip('/')}{_path(pod_id)}::exec"
        return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))

    def refusal(self, status: int, body: bytes) -> ClientError:
        """The error for a response with an error status."""
        return self._refusal(httpx2.Response(status, content=body))

    def unreachable(self, error: Exception) -> ClientError:
        """The error for a scheduler that does not answer."""
        return self._unreachable(error)

    @contextmanager
    def _stream(
        self, method: str, path: str, query: Query, content: Iterable[bytes] | None = None
    ) -> Iterator[httpx2.Response]:
        """A streamed response. While a body is being sent, the other side may be silent for any time."""
        silence = _SILENCE if content is None else None
        timeout = httpx2.Timeout(_TIMEOUT, read=silence, write=silence)
        headers = None if content is None else {"Content-Type": "application/x-tar"}
        try:
            response = self._endpoints.send(
                method, path, params=dict(query), content=content, headers=headers, timeout=timeout
            )
        except httpx2.RequestError as error:
            raise self._unreachable(error) from error
        try:
            if response.is_error:
                response.read()
                raise self._refusal(response)
            yield response
        except httpx2.RequestError as error:
            raise ClientError(
                f"the scheduler at {self.url} interrupted the response: {error}",
                advice="It may have stopped or failed: see its log.",
            ) from error
        finally:
            response.close()


def _path(pod_id: str) -> str:
    return f"/v2/pods/{quote(pod_id.strip('/'), safe='/')}"
