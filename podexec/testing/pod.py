"""One pod, as a test uses it."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2

from podexec.testing.commands import CommandResult, run_command
from podexec.testing.errors import HarnessError, TimedOutError, harness_errors
from podexec.testing.explanation import explain
from podexec.testing.waiting import DEFAULT_TIMEOUT, wait_for
from scheduler.cli import waiting
from scheduler.cli.client import Accepted, WriteOptions

if TYPE_CHECKING:
    from podexec.testing.harness import Podexec

Json = dict[str, Any]

_ANSWER_SECONDS = 10.0
_STEADY, _STEADY_AFTER_AN_END = 0.2, 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of one instance, at a port of its agent.

    Attributes:
        name: the endpoint's name in the definition.
        host: the agent's host name, or address.
        port: the agent's port.
    """

    name: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def get(self, path: str = "/", **more: Any) -> httpx2.Response:
        """Send a GET; `more` are arguments of `httpx2.request`. See `request`."""
        return self.request("GET", path, **more)

    def request(
        self, method: str, path: str = "/", *, timeout: float = _ANSWER_SECONDS, **more: Any
    ) -> httpx2.Response:
        """Send a request and return the response, whatever its status.

        Repeated while nothing accepts the connection: without a health check a container counts as running before its
        server listens. Raises TimedOutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout

        def attempt() -> tuple[httpx2.Response] | None:  # a response with an error status is false
            try:
                left = max(deadline - time.monotonic(), 0.1)
                return (httpx2.request(method, f"{self.url}{path}", timeout=left, trust_env=False, **more),)
            except httpx2.ConnectError:
                return None
            except httpx2.TransportError as error:
                raise HarnessError(f"{method} {self.url}{path} failed: {error}") from error

        return wait_for(f"{self.name} answers at {self.url}", attempt, timeout)[0]


class Pod:
    """A pod on a scheduler, by its id. Every property is a request; nothing is remembered."""

    def __init__(self, podexec: Podexec, pod_id: str) -> None:
        self._podexec = podexec
        self.id = pod_id

    def __repr__(self) -> str:
        return f"Pod({self.id!r})"

    # ------------------------------------------------------------------------- looking

    @property
    def status(self) -> Json:
        """The pod's status, as in `GET /v2/pods/ID::status?embed=podexec`. Raises RefusedError (404) if it is gone."""
        with harness_errors():
            return self._podexec.client.status(self.id)

    @property
    def definition(self) -> Json:
        """The current definition, with all defaults."""
        definition: Json = self.status["spec"]
        return definition

    @property
    def instances(self) -> list[Json]:
        """The status of each instance that has been launched."""
        instances: list[Json] = self.status.get("instances", [])
        return instances

    def instance(self, index: int = 0) -> Json:
        """The status of one instance."""
        found = self.instances
        if not -len(found) <= index < len(found):
            raise HarnessError(f"{self.id} has no instance number {index}; {self.explain()}")
        return found[index]

    def explain(self) -> str:
        """The pod's state in a line or a few: what runs, what failed and why, and what waits for what."""
        with harness_errors():
            return explain(self._podexec.client, self.id)

    def endpoint(self, name: str, instance: int = 0) -> Endpoint:
        """An endpoint of an instance, which must have a host port (`hostPort: 0` for any)."""
        seen = self.instance(instance)
        known = []
        for container in seen.get("containers", ()):
            for endpoint in container.get("endpoints", ()):
                if endpoint["name"] == name and "allocatedHostPort" in endpoint:
                    return Endpoint(name, seen["agentHostname"], endpoint["allocatedHostPort"])
                known.append(endpoint["name"])
        if name in known:
            raise HarnessError(f"the endpoint {name!r} of {self.id} has no host port; give it one, e.g. hostPort: 0")
        raise HarnessError(f"{self.id} has no endpoint {name!r}; it has {', '.join(known) or 'none'}")

    def agent(self, instance: int = 0) -> str:
        """The id of the local cluster's agent that an instance is on, e.g. for `Podexec.kill_agent`."""
        return self._podexec.agent_with_id(self.instance(instance)["agentId"])

    def logs(
        self,
        container: str | None = None,
        *,
        instance: str | None = None,
        stream: str = "both",
        executor: bool = False,
        previous: bool = False,
        tail: int | None = None,
    ) -> str:
        """What containers have written, all of them or one.

        Args:
            container: its name.
            instance: an instance's id.
            stream: `stdout`, `stderr` or `both`.
            executor: the output of the pod's executor instead.
            previous: that of the run before the last restart.
            tail: at most this many lines of each file.
        """
        query = {"stream": stream} | ({} if container is None else {"container": container})
        query |= {} if instance is None else {"instance": instance}
        query |= {name: "true" for name, given in (("executor", executor), ("previous", previous)) if given}
        query |= {} if tail is None else {"tail": str(tail)}
        with harness_errors():
            records = list(self._podexec.client.logs(self.id, query))
        if failed := [str(record.get("message")) for record in records if record.get("event") == "failed"]:
            raise HarnessError(f"not all of the output of {self.id} can be read: {'; '.join(failed)}")
        return "".join(f"{record['line']}\n" for record in records if "line" in record)

    def exec(
        self,
        *command: str,
        container: str | None = None,
        instance: str | None = None,
        stdin: bytes = b"",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> CommandResult:
        """Run a command next to a container's own and return its exit code and output.

        `container` is needed if the pod has several; `instance` is an instance's id, by default the first that runs.
        """
        query = {} if container is None else {"container": container}
        query |= {} if instance is None else {"instance": instance}
        return run_command(self._podexec.client.exec_url(self.id, query), command, stdin, timeout)

    # ------------------------------------------------------------------------ changing

    def wait_stable(self, timeout: float = DEFAULT_TIMEOUT) -> Json:
        """Wait until all instances run and are healthy, for 0.2 s or, if one has ended since the last change, for 3 s.

        Returns the status. Raises TimedOutError, which says why they are not.
        """
        return self._settled(None, timeout)

    def update(self, definition: Mapping[str, Any], timeout: float = DEFAULT_TIMEOUT) -> Json:
        """Replace the definition, and wait until the pod has it and is stable; returns the status."""
        with harness_errors():
            accepted = self._podexec.client.update({**definition, "id": self.id}, WriteOptions(force=True))
        return self._settled(accepted, timeout)

    def scale(self, instances: int, timeout: float = DEFAULT_TIMEOUT) -> Json:
        """Change the number of instances, and wait until they run; returns the status."""
        changed = copy.deepcopy(self.definition)
        del changed["version"]  # that of what is changed
        changed["scaling"] = {**changed.get("scaling", {}), "kind": "fixed", "instances": instances}
        return self.update(changed, timeout)

    def kill(self, instance: str | None = None) -> None:
        """Kill an instance, by its id, or all; they are relaunched. Returns at once."""
        ids = [each["id"] for each in self.instances] if instance is None else [instance]
        with harness_errors():
            self._podexec.client.kill(self.id, ids)

    def delete(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Remove the pod, and wait until its instances have ended. It is no error if it is gone already."""
        self._podexec.remove(self.id, timeout=timeout)

    def _settled(self, accepted: Accepted | None, timeout: float) -> Json:
        """Wait until a change is carried out and the pod is stable."""
        client, stable_since = self._podexec.client, float("inf")

        def look() -> Json | None:
            under_way = accepted is not None and waiting.find(client, accepted.deployment_id) is not None
            status = client.status(self.id)  # after the deployment, or it could be that of before
            if accepted is not None and status["spec"]["version"] != accepted.pod["version"]:
                raise HarnessError(f"{self.id} was rolled back or changed by somebody else; {self.explain()}")
            nonlocal stable_since
            now = time.monotonic()
            stable_since = min(stable_since, now) if not under_way and _is_stable(status) else float("inf")
            return status if now - stable_since >= _steady_seconds(status) else None

        with harness_errors():
            try:
                return wait_for(self.id, look, timeout)
            except TimedOutError:
                raise TimedOutError(f"{self.id} is not stable after {timeout:g} s: {self.explain()}") from None


def _steady_seconds(status: Json) -> float:
    """How long it must have been stable: a command that fails at once is running for an instant, too."""
    version = status["spec"]["version"]
    has_ended = any(each["startedAt"] >= version for each in status.get("terminationHistory", ()))
    return _STEADY_AFTER_AN_END if has_ended or waiting.restarts(status) else _STEADY


def _is_stable(status: Json) -> bool:
    wanted: int = status["spec"].get("scaling", {}).get("instances", 1)
    return status["status"] == "STABLE" and len(status.get("instances", ())) == wanted
