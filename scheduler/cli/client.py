"""The API's client: one method a request, and an error that a person can use when it fails."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from scheduler.cli.errors import CommandError
from scheduler.cli.options import DEFAULT_URL
from scheduler.cli.words import in_words
from scheduler.model.json import Json

_TIMEOUT = 30.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ApiError(CommandError):
    """No good answer came from the scheduler."""


class RefusedError(ApiError):
    """The scheduler answered, with no."""

    def __init__(self, status: int, message: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"the scheduler refused this: {message}", details=problems)
        self.status = status


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that the scheduler made durable; ``pod`` is the definition as stored, empty after a removal."""

    deployment_id: str
    pod: Json


class Client:
    """Talks to the scheduler at a URL. A context manager."""

    DEFAULT_URL = DEFAULT_URL

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"--url {url!r} is not an http(s) URL", code=2)
        # A proxy that is meant for the world outside has no way to this machine.
        self._http = httpx2.Client(
            base_url=url.rstrip("/"), timeout=_TIMEOUT, trust_env=parts.hostname not in _LOOPBACK
        )
        self.url = url

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection."""
        self._http.close()

    def info(self) -> Json:
        """The scheduler, its framework and its Mesos."""
        info: Json = self._decode(self._ask("GET", "/v2/info"))
        return info

    def statuses(self) -> list[Json]:
        """The status of every pod."""
        statuses: list[Json] = self._decode(self._ask("GET", "/v2/pods/::status"))
        return statuses

    def status(self, pod_id: str) -> Json:
        """The status of one pod."""
        status: Json = self._decode(self._ask("GET", f"{_path(pod_id)}::status"))
        return status

    def add(self, definition: Any) -> Accepted:
        """Create a pod."""
        return self._change("POST", "/v2/pods", definition)

    def update(self, definition: Any) -> Accepted:
        """Change a pod, or create it."""
        pod_id = definition.get("id") if isinstance(definition, dict) else None
        if not isinstance(pod_id, str):
            raise CommandError("a definition without an id says not which pod to update", code=2)
        return self._change("PUT", _path(pod_id), definition)

    def remove(self, pod_id: str) -> Accepted:
        """Remove a pod."""
        return self._change("DELETE", _path(pod_id))

    def _change(self, method: str, path: str, body: Any = None) -> Accepted:
        response = self._ask(method, path, body)
        return Accepted(
            deployment_id=response.headers.get("Marathon-Deployment-Id", ""),
            pod=self._decode(response) if response.content else {},
        )

    def _ask(self, method: str, path: str, body: Any = None) -> httpx2.Response:
        try:
            response = self._http.request(method, path, json=body)
        except httpx2.TimeoutException as error:
            raise ApiError(
                f"the scheduler at {self.url} did not answer within {_TIMEOUT:g} s",
                advice="Whether the request was carried out is not known: look with 'podexec pod list'.",
            ) from error
        except httpx2.RequestError as error:
            raise ApiError(
                f"no scheduler answers at {self.url}: {error}",
                advice="Start one with 'podexec up' or 'podexec scheduler', or name yours with --url or PODEXEC_URL.",
            ) from error
        if response.is_error:
            raise self._refusal(response)
        return response

    def _refusal(self, response: httpx2.Response) -> RefusedError:
        body = self._decode(response)
        if not isinstance(body, dict):
            body = {}
        message = str(body.get("message") or f"HTTP {response.status_code}")
        return RefusedError(response.status_code, message, tuple(_problems(body.get("details"))))

    def _decode(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise ApiError(
                f"{self.url} does not answer like a podexec scheduler (HTTP {response.status_code})",
                advice="Check --url or PODEXEC_URL.",
            ) from error


def _path(pod_id: str) -> str:
    return f"/v2/pods/{quote(pod_id.strip('/'), safe='/')}"


def _problems(details: Any) -> Iterable[str]:
    """One line for each error, with the path it belongs to."""
    if isinstance(details, str):
        yield details
    elif isinstance(details, list):
        for detail in details:
            for error in detail["errors"]:
                yield f"{detail['path']}: {in_words(error)}"
