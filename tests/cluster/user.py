"""A user who has only the scheduler's URL: sends requests, and waits with the event stream."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import httpx2

from tests.cluster.support import DEADLINE_SECONDS, Json

T = TypeVar("T")
_ANSWER_SECONDS = 10.0
_SILENCE_SECONDS = 30.0  # twice the time after which the stream gives a sign of life


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the stream."""

    number: int
    kind: str
    content: Json


class User:
    """Sends requests, and receives all events from then on. A context manager."""

    def __init__(self, url: str, explain: Callable[[], str]) -> None:
        """``explain`` returns a text to add to failures, such as the end of the scheduler's log."""
        self._http = httpx2.Client(base_url=url, timeout=_ANSWER_SECONDS, trust_env=False)
        self._explain = explain
        self._stream = ExitStack()
        self.told: list[Told] = []
        self.follow()

    def __enter__(self) -> "User":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._http.close()

    # ------------------------------------------------------------------------ asking

    def ask(self, method: str, path: str, status: int, body: Any = None, **query: str) -> httpx2.Response:
        """Send a request that must be answered with this status."""
        answer = self._http.request(method, path, json=body, params=query)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str, **query: str) -> Any:
        """JSON at a path."""
        return self.ask("GET", path, 200, **query).json()

    def status(self, pod_id: str) -> Json:
        """Status of a pod."""
        status: Json = self.get(f"/v2/pods{pod_id}::status")
        return status

    def instances(self, pod_id: str) -> list[Json]:
        """Instances of a pod that have, or had, an agent."""
        instances: list[Json] = self.status(pod_id).get("instances", [])
        return instances

    def post(self, definition: Json, **query: str) -> str:
        """Create a pod; returns the deployment's id."""
        return _deployment(self.ask("POST", "/v2/pods", 201, definition, **query))

    def put(self, definition: Json, **query: str) -> str:
        """Update a pod; returns the deployment's id."""
        return _deployment(self.ask("PUT", f"/v2/pods{definition['id']}", 200, definition, **query))

    def delete(self, pod_id: str, **query: str) -> str:
        """Remove a pod; returns the deployment's id."""
        return _deployment(self.ask("DELETE", f"/v2/pods{pod_id}", 202, **query))

    def run(self, definition: Json) -> Json:
        """Create a pod and wait until it is deployed; returns its status, which is STABLE."""
        self.done(self.post(definition))
        status = self.status(definition["id"])
        assert status["status"] == "STABLE", status
        return status

    # ----------------------------------------------------------------------- waiting

    def follow(self) -> None:
        """Follow the event stream, and resume after the last received event when it ends."""
        self._stream.close()
        headers = {"Accept": "text/event-stream"}
        if self.told:
            headers["Last-Event-ID"] = str(self.told[-1].number)
        timeout = httpx2.Timeout(_ANSWER_SECONDS, read=_SILENCE_SECONDS)
        answer = self._stream.enter_context(self._http.stream("GET", "/v2/events", headers=headers, timeout=timeout))
        assert answer.status_code == 200, answer.read()
        self._blocks = _blocks(answer.iter_lines())

    def until(self, what: str, probe: Callable[[], T | None]) -> T:
        """The probe's first true result; it is called again after each event."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not (seen := probe()):
            if time.monotonic() > end:
                told = "\n".join(f"{each.number} {each.kind} {_brief(each.content)}" for each in self.told[-20:])
                raise AssertionError(
                    f"{what}: not within {DEADLINE_SECONDS:g} s; last seen: {seen!r}\n"
                    f"--- last told:\n{told}\n--- scheduler's log:\n{self._explain()}"
                )
            self._hear()
        return seen

    def hears(self, kind: str, *, after: int = 0, **members: Any) -> Told:
        """The first event of a kind with these members after this number; it may have arrived already."""

        def find() -> Told | None:
            fits = (each for each in self.told if each.number > after and each.kind == kind)
            return next((each for each in fits if members.items() <= each.content.items()), None)

        return self.until(f"{kind} {members}", find)

    def done(self, deployment_id: str) -> Told:
        """Wait for the end of a deployment, which must succeed."""

        def find() -> Told | None:
            ends = (each for each in self.told if each.kind in ("deployment_success", "deployment_failed"))
            return next((each for each in ends if each.content["id"] == deployment_id), None)

        end = self.until(f"the end of deployment {deployment_id}", find)
        assert end.kind == "deployment_success", end
        return end

    def _hear(self) -> None:
        block = next(self._blocks)
        if block is not None:
            self.told.append(block)


def _deployment(answer: httpx2.Response) -> str:
    deployment_id: str = answer.headers["Marathon-Deployment-Id"]
    return deployment_id


def _blocks(lines: Iterator[str]) -> Iterator[Told | None]:
    """Events of the stream; None for a keep-alive."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        else:
            yield Told(int(fields["id"]), fields["event"], json.loads(fields["data"])) if "data" in fields else None
            fields = {}
    raise AssertionError("the event stream ended")


def _brief(content: Json) -> Json:
    """An event without the plan, which every event of a deployment repeats."""
    return {name: value for name, value in content.items() if name not in ("plan", "timestamp", "eventType")}
