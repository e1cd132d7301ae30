"""The API's client: one method for each request; failures are CommandErrors with advice."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2

from scheduler.cli import stream
from scheduler.cli.errors import CommandError
from scheduler.cli.marathon_keys import explain
from scheduler.cli.options import DEFAULT_URL
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_TIMEOUT = 30.0
# Asks for the members that podexec adds to Marathon's responses.
_WHOLE = {"embed": KEY}
_WARNING = re.compile(r'299 podexec "(?P<text>(?:[^"\\]|\\.)*)"')
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ClientError(CommandError):
    """The scheduler did not answer, or not with a success."""


class ChangeRefusedError(ClientError):
    """The scheduler answered with an error status."""

    def __init__(self, status: int, body: Json) -> None:
        locks = [each["id"] for each in body.get("deployments", ())]
        advice = None
        if status == 401:
            advice = "Put the credentials into the URL: http://USER:PASSWORD@HOST:PORT, preferably in PODEXEC_URL."
        elif locks:
            advice = f"Use --force, or wait for the deployment: podexec deployment watch {locks[0]}"
        super().__init__(
            f"the scheduler refused the request: {body.get('message') or f'HTTP {status}'}",
            details=tuple(_problems(body.get("details"))),
            advice=advice,
        )
        self.status = status


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that the scheduler has stored.

    Attributes:
        deployment_id: the deployment that carries it out.
        pod: the definition as stored, empty after a removal.
        warning: the scheduler's warning about it, or empty.
    """

    deployment_id: str
    pod: Json
    warning: str = ""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a change is carried out.

    Attributes:
        force: whether conflicting deployments are cancelled first.
        batch_size: at most this many instances of a pod are replaced at a time.
        deadline: seconds after which it is rolled back if it is not done.
    """

    force: bool = False
    batch_size: int | None = None
    deadline: float | None = None

    def query(self) -> dict[str, str]:
        """The query parameters."""
        given = {"batchSize": self.batch_size, "deadlineSeconds": self.deadline}
        query = {name: str(value) for name, value in given.items() if value is not None}
        return query | ({"force": "true"} if self.force else {})


PLAIN = WriteOptions()


class Client:
    """Talks to the scheduler at a URL, which may contain a user and a password. A context manager."""

    DEFAULT_URL = DEFAULT_URL

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(f"--url {_without_password(url)!r} is not an http(s) URL", code=2)
        # A proxy for the outside world cannot reach this machine.
        self._http = httpx2.Client(
            base_url=url.rstrip("/"), timeout=_TIMEOUT, trust_env=parts.hostname not in _LOOPBACK
        )
        self.url = _without_password(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def info(self) -> Json:
        """Facts about the scheduler, its framework and its Mesos."""
        info: Json = self._decode(self._ask("GET", "/v2/info", query=_WHOLE))
        return info

    def is_strict(self) -> bool:
        """Whether the scheduler refuses definitions with unknown or repeated keys."""
        return self.info().get(KEY, {}).get("config", {}).get("strict_definitions") is True

    # ------------------------------------------------------------------------ pods

    def statuses(self) -> list[Json]:
        """The status of every pod."""
        statuses: list[Json] = self._decode(self._ask("GET", "/v2/pods/::status", query=_WHOLE))
        return statuses

    def status(self, pod_id: str) -> Json:
        """The status of one pod."""
        status: Json = self._decode(self._ask("GET", f"{_path('pods', pod_id)}::status", query=_WHOLE))
        return status

    def versions(self, pod_id: str) -> list[str]:
        """The stored versions of a pod, oldest first."""
        versions: list[str] = self._decode(self._ask("GET", f"{_path('pods', pod_id)}::versions"))
        return versions

    def version(self, pod_id: str, version: str) -> Json:
        """One version of a pod's definition."""
        path = f"{_path('pods', pod_id)}::versions/{quote(version, safe='')}"
        definition: Json = self._decode(self._ask("GET", path))
        return definition

    def add(self, definition: Any, how: WriteOptions = PLAIN) -> Accepted:
        """Create a pod."""
        return self._change("POST", "/v2/pods", definition, how)

    def update(self, definition: Any, how: WriteOptions = PLAIN) -> Accepted:
        """Change a pod, or create it."""
        pod_id = definition.get("id") if isinstance(definition, dict) else None
        if not isinstance(pod_id, str):
            raise CommandError("the definition has no id, so it is unclear which pod to update", code=2)
        return self._change("PUT", _path("pods", pod_id), definition, how)

    def remove(self, pod_id: str, how: WriteOptions = PLAIN) -> Accepted:
        """Remove a pod."""
        return self._change("DELETE", _path("pods", pod_id), None, how)

    def kill(self, pod_id: str, instance_ids: Sequence[str], wipe: bool = False) -> list[Json]:
        """Kill instances of a pod; returns those that exist, as they were."""
        query = {"wipe": "true"} if wipe else {}
        path = f"{_path('pods', pod_id)}::instances"
        killed: list[Json] = self._decode(self._ask("DELETE", path, list(instance_ids), query))
        return killed

    # ----------------------------------------------------------- deployments, queue

    def deployments(self) -> list[Json]:
        """The running deployments."""
        deployments: list[Json] = self._decode(self._ask("GET", "/v2/deployments", query=_WHOLE))
        return deployments

    def deployment(self, deployment_id: str) -> Json:
        """A running deployment."""
        deployment: Json = self._decode(self._ask("GET", _path("deployments", deployment_id), query=_WHOLE))
        return deployment

    def rollback(self, deployment_id: str) -> Json:
        """Cancel a deployment and restore the previous versions; returns the deployment that does so."""
        started: Json = self._decode(self._ask("DELETE", _path("deployments", deployment_id)))
        return started

    def stop(self, deployment_id: str) -> None:
        """Cancel a deployment; changes already made are kept."""
        self._ask("DELETE", _path("deployments", deployment_id), query={"force": "true"})

    def pause(self, deployment_id: str) -> Json:
        """Pause a deployment."""
        paused: Json = self._decode(self._ask("POST", f"{_path('deployments', deployment_id)}/pause"))
        return paused

    def resume(self, deployment_id: str) -> Json:
        """Resume a deployment."""
        resumed: Json = self._decode(self._ask("POST", f"{_path('deployments', deployment_id)}/resume"))
        return resumed

    def queue(self) -> list[Json]:
        """The pods with instances waiting to be launched."""
        queue: list[Json] = self._decode(self._ask("GET", "/v2/queue", query=_WHOLE))["queue"]
        return queue

    def reset_delay(self, pod_id: str) -> None:
        """Clear a pod's launch back-off."""
        self._ask("DELETE", f"{_path('queue', pod_id)}/delay")

    # -------------------------------------------------------------- groups, events

    def group(self, group_id: str = "/") -> Json:
        """A group with its pods and the groups in it."""
        group: Json = self._decode(self._ask("GET", _path("groups", group_id).rstrip("/"), query=_WHOLE))
        return group

    def remove_group(self, group_id: str, how: WriteOptions = PLAIN) -> Accepted:
        """Remove every pod below a path."""
        return self._change("DELETE", _path("groups", group_id), None, how)

    def events(
        self, kinds: Iterable[str] = (), since: int | None = None, patience: float | None = None
    ) -> Iterator[stream.Event]:
        """Events of these kinds, or all, from after ``since`` or from now on, until the stream ends.

        ``patience``: stop as well when nothing has arrived for this many seconds.
        """
        headers = {"Accept": "text/event-stream"} | ({} if since is None else {"Last-Event-ID": str(since)})
        timeout = httpx2.Timeout(_TIMEOUT, read=_TIMEOUT if patience is None else patience)
        query = {"event_type": list(kinds), **_WHOLE}
        asked = self._http.stream("GET", "/v2/events", params=query, headers=headers, timeout=timeout)
        try:
            with asked as response:
                if response.is_error:
                    response.read()
                    raise self._refusal(response)
                yield from stream.events(response.iter_lines())
        except httpx2.ReadTimeout as error:
            if patience is None:
                raise self._unreachable(error) from error
        except httpx2.RequestError as error:
            raise self._unreachable(error) from error

    # --------------------------------------------------------------------- helpers

    def _change(self, method: str, path: str, body: Any, how: WriteOptions) -> Accepted:
        response = self._ask(method, path, body, how.query())
        return Accepted(
            deployment_id=response.headers.get("Marathon-Deployment-Id", ""),
            pod=self._decode(response) if response.content else {},
            warning=_warning(response.headers.get("Warning", "")),
        )

    def _ask(self, method: str, path: str, body: Any = None, query: Mapping[str, str] | None = None) -> httpx2.Response:
        try:
            response = self._http.request(method, path, json=body, params=query)
        except httpx2.TimeoutException as error:
            raise ClientError(
                f"the scheduler at {self.url} did not answer within {_TIMEOUT:g} s",
                advice="It is not known whether the request was carried out: check with 'podexec pod list'.",
            ) from error
        except httpx2.RequestError as error:
            raise self._unreachable(error) from error
        if response.is_error:
            raise self._refusal(response)
        return response

    def _unreachable(self, error: Exception) -> ClientError:
        return ClientError(
            f"no scheduler answers at {self.url}: {error}",
            advice="Start one with 'podexec up' or 'podexec scheduler', or set --url or PODEXEC_URL to yours.",
        )

    def _refusal(self, response: httpx2.Response) -> ChangeRefusedError:
        body = self._decode(response)
        return ChangeRefusedError(response.status_code, body if isinstance(body, dict) else {})

    def _decode(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise ClientError(
                f"{self.url} does not answer like a podexec scheduler (HTTP {response.status_code})",
                advice="Check --url or PODEXEC_URL.",
            ) from error


def _path(collection: str, name: str) -> str:
    return f"/v2/{collection}/{quote(name.strip('/'), safe='/')}"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _warning(header: str) -> str:
    """The text of podexec's warning; warnings of proxies are not about the change."""
    found = _WARNING.fullmatch(header)
    return "" if found is None else re.sub(r"\\(.)", r"\1", found["text"])


def _problems(details: Any) -> Iterable[str]:
    """One line for each error, with its path."""
    if isinstance(details, str):
        yield details
    elif isinstance(details, list):
        for detail in details:
            for error in detail["errors"]:
                yield f"{detail['path']}: {explain(error)}"
