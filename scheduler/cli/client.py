"""The API's client: one method for each request; failures are CommandErrors with advice."""

import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from scheduler.cli import client_tls, stream
from scheduler.cli.contexts import ContextUrl
from scheduler.cli.endpoints import Endpoints
from scheduler.cli.errors import CommandError
from scheduler.cli.marathon_keys import explain
from scheduler.cli.options import DEFAULT_URL
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_TIMEOUT = 30.0
_QUICK = 5.0
_PRECISION = 2.0  # seconds, of a Date header and its way here
_LARGEST_ANSWER = 512 * 1024 * 1024
# Asks for the members that podexec adds to Marathon's responses.
_WHOLE = {"embed": KEY}
_WARNING = re.compile(r'299 podexec "(?P<text>(?:[^"\\]|\\.)*)"')
_VERSION = re.compile(r"[0-9T:.Z-]{1,40}", re.ASCII)
_AUTHORIZATION, _TOKEN = "PODEXEC_AUTHORIZATION", "PODEXEC_TOKEN"


class ClientError(CommandError):
    """The scheduler did not answer, or not with a success."""


class ChangeRefusedError(ClientError):
    """The scheduler answered with an error status."""

    def __init__(self, status: int, body: Json) -> None:
        locks = [each["id"] for each in body.get("deployments", ())]
        advice = None
        if status == 401:
            advice = (
                f"Put a token into {_TOKEN}; or a user and a password into the URL, http://USER:PASSWORD@HOST:PORT, "
                f"preferably in PODEXEC_URL; or, behind a proxy, the whole header into {_AUTHORIZATION}."
            )
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
        if_version: the version that the pod must have; only for updates.
    """

    force: bool = False
    batch_size: int | None = None
    deadline: float | None = None
    if_version: str | None = None

    def query(self) -> dict[str, str]:
        """The query parameters."""
        given = {"batchSize": self.batch_size, "deadlineSeconds": self.deadline}
        query = {name: str(value) for name, value in given.items() if value is not None}
        return query | ({"force": "true"} if self.force else {})

    def headers(self) -> dict[str, str]:
        """The headers. Raises CommandError for a version that is none, be it a user's or what a scheduler answered."""
        if self.if_version is None:
            return {}
        if not _VERSION.fullmatch(str(self.if_version)):
            raise CommandError(
                f"{str(self.if_version)[:100]!r} is not a version: it must be like 2026-01-31T12:00:00.000Z", code=2
            )
        return {"If-Match": f'"{self.if_version}"'}


PLAIN = WriteOptions()


class Client:
    """Talks to the scheduler at a URL, which may contain a user and a password; or to one of several, whose URLs are
    separated by commas. A context manager.

    PODEXEC_TOKEN, if it is set, is sent as a bearer token instead; PODEXEC_AUTHORIZATION is the whole header instead.

    Attributes:
        skew: seconds by which the clock of the scheduler that answered last is ahead of this machine's.
    """

    DEFAULT_URL = DEFAULT_URL

    def __init__(self, url: str) -> None:
        self.headers = _authorization(url)
        self.skew = 0.0
        self._endpoints = Endpoints(url, self.headers, _TIMEOUT, self._require_plain)

    @property
    def url(self) -> str:
        """That of the scheduler that answered last, without a password."""
        return self._endpoints.current.url

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The context for its https; None: its URL is not https."""
        return self._endpoints.current.tls

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def now(self) -> float:
        """The time of the scheduler, as its last answer had it, in seconds since the epoch."""
        return time.time() + self.skew

    def close(self) -> None:
        """Close the connection."""
        self._endpoints.close()

    def info(self) -> Json:
        """Facts about the scheduler, its framework and its Mesos."""
        info: Json = self._decode(self._ask("GET", "/v2/info", query=_WHOLE))
        return info

    def doctor(self) -> list[Json]:
        """What the scheduler says of its surroundings."""
        found: list[Json] = self._decode(self._ask("GET", "/v2/doctor"))["checks"]
        return found

    def cannot_fetch(self, uri: str) -> str | None:
        """Why a file cannot be fetched, without credentials; None: it can."""
        try:
            with httpx2.Client(timeout=_QUICK, verify=self.tls or True, follow_redirects=True) as http:
                answer = http.head(uri)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            return str(error) or type(error).__name__
        return f"HTTP {answer.status_code}" if answer.is_error else None

    def is_strict(self) -> bool:
        """Whether the scheduler refuses definitions with unknown or repeated keys."""
        return self.info().get(KEY, {}).get("config", {}).get("strict_definitions") is True

    def leader(self) -> str | None:
        """``host:port`` of the leader; None: there is none."""
        response = self._ask_unless(404, "GET", "/v2/leader")
        return None if response is None else str(self._decode(response)["leader"])

    def abdicate(self) -> None:
        """Have the leader give up its lead."""
        self._ask("DELETE", "/v2/leader")

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

    def history(self, pod_id: str) -> list[Json]:
        """The last changes of a pod that users asked for, newest last."""
        history: list[Json] = self._decode(self._ask("GET", f"{_path('pods', pod_id)}::history"))
        return history

    def timeline(self, pod_id: str, instance_id: str | None = None) -> Json:
        """What happened to a pod, or to one of its instances."""
        query = {} if instance_id is None else {"instance": instance_id}
        timeline: Json = self._decode(self._ask("GET", f"{_path('pods', pod_id)}::timeline", query=query))
        return timeline

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
        return self._change("PUT", _path("pods", _id_in(definition)), definition, how)

    def plan(self, definition: Any, how: WriteOptions = PLAIN, after: Sequence[str] = ()) -> Json:
        """What ``update`` would do, after these pods have been created."""
        path = f"{_path('pods', _id_in(definition))}::plan"
        planned: Json = self._decode(self._ask("POST", path, definition, {**how.query(), "after": list(after)}))
        return planned

    def remove(self, pod_id: str, how: WriteOptions = PLAIN) -> Accepted:
        """Remove a pod."""
        return self._change("DELETE", _path("pods", pod_id), None, how)

    def definitions(self) -> list[Json]:
        """The current definition of every pod."""
        definitions: list[Json] = self._decode(self._ask("GET", "/v2/pods"))
        return definitions

    def definition(self, pod_id: str) -> Json:
        """The current definition of a pod."""
        definition: Json = self._decode(self._ask("GET", _path("pods", pod_id)))
        return definition

    def restart(self, pod_id: str, how: WriteOptions = PLAIN) -> Accepted:
        """Replace the instances of a pod by new ones of the same definition."""
        return self._change("POST", f"{_path('pods', pod_id)}::restart", None, how)

    def kill(self, pod_id: str, instance_ids: Sequence[str], wipe: bool = False) -> list[Json]:
        """Kill instances of a pod; returns those that exist, as they were."""
        query = {"wipe": "true"} if wipe else {}
        path = f"{_path('pods', pod_id)}::instances"
        killed: list[Json] = self._decode(self._ask("DELETE", path, list(instance_ids), query))
        return killed

    # ---------------------------------------------------- deployments, queue, agents

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

    def agents(self) -> Json:
        """The cluster's agents, who has listed them, and what is missing in the list."""
        agents: Json = self._decode(self._ask("GET", "/v2/agents"))
        return agents

    def orphans(self) -> list[Json]:
        """Running tasks that are on no record."""
        orphans: list[Json] = self._decode(self._ask("GET", "/v2/orphans"))["orphans"]
        return orphans

    def adopt(self, orphan_id: str, definition: Any) -> Accepted:
        """Make an orphan an instance of a pod."""
        return self._change("PUT", _orphan_path(orphan_id), definition, PLAIN)

    def kill_orphan(self, orphan_id: str) -> None:
        """Kill an orphan."""
        self._ask("DELETE", _orphan_path(orphan_id))

    # -------------------------------------------------------------- groups, events

    def group(self, group_id: str = "/") -> Json:
        """A group with its pods and the groups in it."""
        group: Json = self._decode(self._ask("GET", _path("groups", group_id).rstrip("/"), query=_WHOLE))
        return group

    def remove_group(self, group_id: str, how: WriteOptions = PLAIN) -> Accepted:
        """Remove every pod below a path."""
        return self._change("DELETE", _path("groups", group_id), None, how)

    def events(
        self,
        kinds: Iterable[str] = (),
        since: int | None = None,
        patience: float | None = None,
        *,
        attached: Callable[[Callable[[], None]], None] = lambda _end: None,
    ) -> Iterator[stream.Event]:
        """Events of these kinds, or all, from after ``since`` or from now on, until the stream ends.

        ``patience``: stop as well when nothing has arrived for this many seconds. ``attached`` is called when the
        stream has begun, from when on nothing is missed, with a function that ends it from another thread.
        """
        headers = {"Accept": "text/event-stream"} | ({} if since is None else {"Last-Event-ID": str(since)})
        timeout = httpx2.Timeout(_TIMEOUT, read=_TIMEOUT if patience is None else patience)
        query = {"event_type": list(kinds), **_WHOLE}
        try:
            with self._answer("GET", "/v2/events", params=query, headers=headers, timeout=timeout) as response:
                if response.is_error:
                    response.read()
                    raise self._refusal(response)
                attached(lambda: _cut(response))
                yield from stream.events(response.iter_lines())
        except httpx2.ReadTimeout as error:
            if patience is None:
                raise self._unreachable(error) from error
        except httpx2.RequestError as error:
            raise self._unreachable(error) from error

    # --------------------------------------------------------------------- helpers

    def _change(self, method: str, path: str, body: Any, how: WriteOptions) -> Accepted:
        response = self._ask(method, path, body, how.query(), how.headers())
        return Accepted(
            deployment_id=response.headers.get("Marathon-Deployment-Id", ""),
            pod=self._decode(response) if response.content else {},
            warning=_warning(response.headers.get("Warning", "")),
        )

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        try:
            with self._answer(method, path, json=body, params=query, headers=headers) as received:
                self.skew = _skew(received.headers.get("Date", ""))
                content = self._whole(received)
                response = httpx2.Response(received.status_code, headers=received.headers, content=content)
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

    def _ask_unless(self, status: int, method: str, path: str) -> httpx2.Response | None:
        """The answer; None: it has this error status."""
        try:
            return self._ask(method, path)
        except ChangeRefusedError as error:
            if error.status == status:
                return None
            raise

    @contextlib.contextmanager
    def _answer(self, method: str, path: str, **more: Any) -> Iterator[httpx2.Response]:
        """The answer, whose body is not read yet. Raises httpx2.RequestError."""
        with contextlib.closing(self._endpoints.send(method, path, **more)) as response:
            yield response

    def _whole(self, received: httpx2.Response) -> bytes:
        content = bytearray()
        for piece in received.iter_raw():
            content += piece
            if len(content) > _LARGEST_ANSWER:
                raise ClientError(f"{self.url} answers with more than {_LARGEST_ANSWER >> 20} MiB")
        return bytes(content)

    def _require_plain(self, response: httpx2.Response) -> None:
        """Refuse a compressed answer: a small one could become large."""
        coding = response.headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            raise ClientError(
                f"{self.url} answers with the Content-Encoding {coding!r}, which was not requested",
                advice="Check --url or PODEXEC_URL, and the proxies on the way.",
            )

    def _unreachable(self, error: Exception) -> ClientError:
        advice = (
            "Start one with 'podexec up' or 'podexec scheduler', or name yours with --url, PODEXEC_URL or a context."
        )
        return ClientError(
            f"no scheduler answers at {self._endpoints.urls}: {error}",
            advice=advice if self.tls is None else f"{advice} {client_tls.ADVICE}",
        )

    def _refusal(self, response: httpx2.Response) -> ChangeRefusedError:
        body = self._decode(response)
        return ChangeRefusedError(response.status_code, body if isinstance(body, dict) else {})

    def _decode(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except (RecursionError, ValueError) as error:
            raise ClientError(
                f"{self.url} does not answer like a podexec scheduler (HTTP {response.status_code})",
                advice="Check --url or PODEXEC_URL.",
            ) from error


def _authorization(url: str) -> dict[str, str]:
    """The header that the environment gives, or the context of the URL. Raises CommandError."""
    for variable, scheme in ((_AUTHORIZATION, ""), (_TOKEN, "Bearer ")):
        value = os.environ.get(variable, "")
        if not value.isascii() or not value.isprintable():
            raise CommandError(f"{variable} cannot be sent in a header: it must be printable ASCII", code=2)
        if value:
            return {"Authorization": scheme + value}
    token = url.context.token if isinstance(url, ContextUrl) else None
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _id_in(definition: Any) -> str:
    """The id in a definition. Raises CommandError if there is none."""
    pod_id = definition.get("id") if isinstance(definition, dict) else None
    if not isinstance(pod_id, str):
        raise CommandError("the definition has no id, so it is unclear which pod to update", code=2)
    return pod_id


def _skew(date: str) -> float:
    """How far the time in a Date header is ahead; less than its precision, or no time, is nothing."""
    try:
        ahead = parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return ahead if abs(ahead) > _PRECISION else 0.0


def _cut(response: httpx2.Response) -> None:
    """End a response that another thread is reading."""
    stream = response.extensions.get("network_stream")
    connection = None if stream is None else stream.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it has ended already
            connection.shutdown(socket.SHUT_RDWR)


def _path(collection: str, name: str) -> str:
    return f"/v2/{collection}/{quote(name.strip('/'), safe='/')}"


def _orphan_path(orphan_id: str) -> str:
    return f"/v2/orphans/{quote(orphan_id, safe='')}"


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
