"""Every definition in examples/ runs on a real Mesos and does what it demonstrates."""

import json
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.cluster.support import DEFAULT, Json, Scheduler

EXAMPLES = Path(__file__).parents[2] / "examples"

# Each example's expected output and the final status of its instance; every file must be listed.
OUTPUT: dict[str, dict[str, str]] = {
    "artifacts.json": {"reader": "PRETTY_NAME"},
    "check.yaml": {"warming-up": "ready"},
    "container-network.json": {"client": "200"},
    "docker-image.json": {"box": "BusyBox"},
    "environment.json": {"healthtask1": "EP_CONTAINER_HTTPENDPOINT2=8081"},
    "grace-period.json": {},
    "health-checks.yaml": {},
    "hello.json": {},
    "host-volume.json": {"lister": "read-only"},
    "init-container.yaml": {"server": "made before the server"},
    "persistent-volume.json": {"counter": "start number 1"},
    "port-environment.json": {"web": "as for apps"},
    "ports.yaml": {"client": "200"},
    "readiness.yaml": {"client": "200"},
    "resource-limits.yaml": {"bursting": "more than asked for"},
    "restart-policy.yaml": {"worker": "run 3"},
    "shared-memory.yaml": {"reader": "from the writer", "alone": " 16 "},
    "secrets.json": {"reader": "the file and the variable agree"},
    "sidecar.yaml": {"shipper": "line"},
    "shared-volume.json": {"reader": "written by the sibling"},
    "terminal.json": {"interactive": "on a terminal"},
    "two-networks.yaml": {"server": "2\n"},
}


def test_every_example_is_run_here() -> None:
    """A new example without a test is detected."""
    assert sorted(OUTPUT) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_file())


@pytest.mark.parametrize("name", OUTPUT)
def test_example(scheduler: Scheduler, name: str) -> None:
    """It becomes STABLE, and its containers print the expected output."""
    status = scheduler.run(_load(name))
    for container, expected in OUTPUT[name].items():
        scheduler.output(status, container, expected)


@pytest.mark.parametrize("executor_kind", [DEFAULT])
@pytest.mark.parametrize("name", ["check.yaml", "container-network.json", "secrets.json", "shared-memory.yaml"])
def test_example_on_the_agents_default_executor(scheduler: Scheduler, name: str) -> None:
    """Examples of features that an executor must support."""
    test_example(scheduler, name)


def test_hello_serves_a_fresh_page(scheduler: Scheduler) -> None:
    """One container writes the page that the other serves."""
    instance = scheduler.run(_load("hello.json"))["instances"][0]
    web = next(each for each in instance["containers"] if each["name"] == "web")
    url = f"http://{instance['agentHostname']}:{web['endpoints'][0]['allocatedHostPort']}/"
    first = httpx2.get(url, timeout=5).text
    assert first.startswith(f"hello from {instance['id']}.writer.1 on {instance['agentHostname']}")
    scheduler.wait("a newer page", lambda: httpx2.get(url, timeout=5).text != first)


def test_executor_resources_of_the_example_are_what_mesos_was_asked_for(scheduler: Scheduler) -> None:
    """More memory for the executor, as in DC/OS' documentation."""
    scheduler.run(_load("environment.json"))
    leader = scheduler.cluster.leader()
    assert leader is not None
    state: Json = httpx2.get(f"http://{leader.address}/state", timeout=5).json()
    (executor,) = [
        each
        for framework in state["frameworks"]
        for each in framework["executors"]
        if each["executor_id"].startswith("instance-test-pod.")
    ]
    assert {name: executor["resources"][name] for name in ("cpus", "mem", "disk")} == {
        "cpus": 0.1,
        "mem": 64.0,
        "disk": 10.0,
    }


def test_grace_periods_of_the_example(scheduler: Scheduler) -> None:
    """The polite container ends at SIGTERM, the stubborn one after its two seconds."""
    status = scheduler.run(_load("grace-period.json"))
    sandboxes = {name: scheduler.sandbox(status, name) for name in ("polite", "stubborn")}
    for name in sandboxes:
        scheduler.output(status, name, "started")
    started = time.monotonic()
    scheduler.remove("/examples/grace-period")
    assert 2 <= time.monotonic() - started < 10
    assert "SIGTERM" in (sandboxes["polite"] / "stdout").read_text()
    assert "ignored" in (sandboxes["stubborn"] / "stdout").read_text()


def test_the_sidecar_of_the_example_sees_the_last_line(scheduler: Scheduler) -> None:
    """The job's preStop command runs, and the shipper ends after the job."""
    status = scheduler.run(_load("sidecar.yaml"))
    scheduler.output(status, "shipper", "line")
    sandbox = scheduler.sandbox(status, "shipper").resolve()
    scheduler.remove("/examples/sidecar")
    assert "last line" in (sandbox / "stdout").read_text()


def test_restarts_of_the_example(scheduler: Scheduler) -> None:
    """The master has the count; the previous run is kept, older ones are removed; other containers keep running."""
    status = scheduler.run(_load("restart-policy.yaml"))
    scheduler.output(status, "worker", "run 3")
    sandbox = scheduler.sandbox(status, "worker").resolve()
    before = sandbox.with_name(sandbox.name.removesuffix("-2") + "-1")
    assert "run 2" in (before / "stdout").read_text()
    scheduler.wait("older runs are gone", lambda: len(list(sandbox.parent.glob("worker-*"))) == 2)
    scheduler.wait("the master knows of two restarts", lambda: "2" in _told(scheduler, "worker", "restarts"))
    assert "terminationHistory" not in scheduler.client.status("/examples/restart-policy")
    assert _told(scheduler, "steady", "restarts") == []


def test_readiness_of_the_example(scheduler: Scheduler) -> None:
    """The server becomes ready, and then the client starts."""
    scheduler.run(_load("readiness.yaml"))
    assert "true" in _told(scheduler, "server", "ready")
    assert _told(scheduler, "client", "ready") == []


def _told(scheduler: Scheduler, container: str, label: str) -> list[str]:
    """A label in the statuses of the current containers of this name, as the master shows them."""
    leader = scheduler.cluster.leader()
    assert leader is not None
    state: Json = httpx2.get(f"http://{leader.address}/state", timeout=5).json()
    return [
        each["value"]
        for framework in state["frameworks"]
        for task in framework["tasks"]
        if task["name"] == container
        for status in task["statuses"]
        for each in status.get("labels", ())
        if each["key"] == label
    ]


def _load(name: str) -> dict[str, Any]:
    text = (EXAMPLES / name).read_text()
    loaded: dict[str, Any] = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
    return loaded
