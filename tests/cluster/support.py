"""A scheduler on a local Mesos for tests of the whole, through its API, its processes and the sandboxes."""

import atexit
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

from localmesos import Cluster
from scheduler.cli.client import WriteOptions
from scheduler.cli.local import LocalScheduler
from tests.ports import free_port

T = TypeVar("T")
Json = dict[str, Any]
DEADLINE_SECONDS = 60.0

# Requests share one plain client: making a client takes longer than most answers.
HTTP = httpx2.Client(timeout=10, trust_env=False)
atexit.register(HTTP.close)

# A restarted agent always waits this long for its executors, and registers only then.
QUICK_RECOVERY = {"executor_reregistration_timeout": "5secs"}

PODEXEC, DEFAULT = "podexec", "default"
# Runs a test with podexec's own executors and with `--executor default`.
both_executors = pytest.mark.parametrize("executor_kind", [PODEXEC, DEFAULT])


def wait_for(what: str, probe: Callable[[], T | None], deadline: float = DEADLINE_SECONDS) -> T:
    """The probe's first true result; fails at the deadline with `what` and the last result."""
    end = time.monotonic() + deadline
    while True:
        seen = probe()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline:g} s; last seen: {seen!r}")
        time.sleep(0.05)


class Scheduler(LocalScheduler):
    """A scheduler, with helpers for tests."""

    def __init__(
        self, cluster: Cluster, folder: Path, executor: Path | None, name: str, host: str = "127.0.0.1"
    ) -> None:
        """Make a scheduler with its own port that is not started yet. ``host``: the address its API listens on."""
        super().__init__(cluster, folder, executor, f"{host}:{free_port(host)}", name)
        if host != "127.0.0.1":
            self.add_options("--insecure")

    def use_executor(self, executor: str, python: str) -> None:
        """Before the start: set the executor, a path or a URI, and its Python."""
        words = list(self._command)
        words[words.index("--executor") + 1] = executor
        words[words.index("--executor-python") + 1] = python
        self._command = tuple(words)

    def add_options(self, *words: str) -> None:
        """Before the start: add options of ``podexec scheduler``."""
        self._command = (*self._command, *words)

    def wait(self, what: str, probe: Callable[[], T | None], deadline: float = DEADLINE_SECONDS) -> T:
        """Like ``wait_for``, with the end of the log in the message."""
        try:
            return wait_for(what, probe, deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- scheduler's log:\n{self.tail()}") from None

    # ------------------------------------------------------------------- pods

    def pods(self) -> list[Json]:
        """Definitions of all pods."""
        pods: list[Json] = HTTP.get(f"{self.client.url}/v2/pods").raise_for_status().json()
        return pods

    def run(self, definition: Json) -> Json:
        """Add a pod and wait until it is STABLE; returns its status."""
        self.client.add(definition)
        return self.stable(definition["id"])

    def stable(self, pod_id: str, deadline: float = DEADLINE_SECONDS) -> Json:
        """Wait until all instances of the pod run; returns its status."""

        def probe() -> Json | None:
            status = self.client.status(pod_id)
            return status if status["status"] == "STABLE" and status.get("instances") else None

        try:
            return self.wait(f"{pod_id} is STABLE", probe, deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- status: {self.client.status(pod_id)}") from None

    def remove(self, *pod_ids: str) -> None:
        """Remove pods, cancelling their deployments, and wait until none of their executors is left."""
        for pod_id in pod_ids:
            self.client.remove(pod_id, WriteOptions(force=True))
        prefixes = tuple(f"instance-{pod_id.strip('/').replace('/', '_')}." for pod_id in pod_ids)
        self.wait(
            f"the executors of {', '.join(pod_ids)} are gone",
            lambda: not [each for each in self.cluster_executors() if each.startswith(prefixes)],
        )

    def remove_all(self) -> None:
        """Remove every pod, and wait until none of their executors is left."""
        self.remove(*(pod["id"] for pod in self.pods()))

    def cluster_executors(self) -> list[str]:
        """Ids of executors that run on any agent."""
        state = [agent_state(agent.address) for agent in self.cluster.agents]
        return [
            executor["id"] for each in state for framework in each["frameworks"] for executor in framework["executors"]
        ]

    # --------------------------------------------------------------- sandboxes

    def sandbox(self, status: Json, container: str) -> Path:
        """Sandbox of a container of the first instance."""
        instance = status["instances"][0]
        found = next(each for each in instance["containers"] if each["name"] == container)
        return self.task_sandbox(found["containerId"])

    def task_sandbox(self, task_id: str) -> Path:
        """Sandbox of a task on any agent."""
        pattern = f"slaves/*/frameworks/*/executors/*/runs/latest/tasks/{task_id}"
        return self.wait(
            f"a sandbox of {task_id}",
            lambda: next((path for agent in self.cluster.agents for path in agent.work_dir.glob(pattern)), None),
        )

    def output(self, status: Json, container: str, expected: str) -> str:
        """The container's stdout, once it contains the expected text."""
        file = self.sandbox(status, container) / "stdout"

        def probe() -> str | None:
            text = file.read_text() if file.exists() else ""
            return text if expected in text else None

        try:
            return self.wait(f"{expected!r} in {container}'s stdout", probe)
        except AssertionError as error:
            text = file.read_text() if file.exists() else "(none)"
            stderr = file.with_name("stderr")
            raise AssertionError(
                f"{error}\nstdout: {text}\nstderr: {stderr.read_text() if stderr.exists() else ''}"
            ) from None


def agent_state(address: str) -> Json:
    """An agent's /state."""
    state: Json = HTTP.get(f"http://{address}/state").json()
    return state


def container(name: str, shell: str, **more: Any) -> Json:
    """A small container that runs a shell line."""
    return {"name": name, "resources": {"cpus": 0.1, "mem": 32}, "exec": {"command": {"shell": shell}}} | more


def environment_without_podexec() -> dict[str, str]:
    """Environment for a command that gets its options only from arguments."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PODEXEC_")}
