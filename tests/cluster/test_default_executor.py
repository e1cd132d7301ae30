"""Agents of a local Mesos run executors of type DEFAULT for another framework."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from localmesos import Cluster
from tests.cluster.framework import Framework, Json, has_volumes, resources, task
from tests.cluster.support import agent_state, wait_for

S, R, K = "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"
FINISHED, FAILED, KILLED = "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED"
STAY = "exec sleep 1000"
OFTEN = {"delay_seconds": 0, "interval_seconds": 0.5, "timeout_seconds": 1, "grace_period_seconds": 20}


@pytest.fixture
def framework(cluster: Cluster) -> Iterator[Framework]:
    framework = Framework(cluster.master)
    framework.start()
    try:
        yield framework
    finally:
        framework.stop()


def executors(cluster: Cluster, framework: Framework) -> list[Json]:
    """Executors of the framework on all agents."""
    frameworks = [each for agent in cluster.agents for each in agent_state(agent.address)["frameworks"]]
    mine = [each for each in frameworks if each["id"] == framework.driver.framework_id]
    return [executor for each in mine for executor in each["executors"]]


def files(cluster: Cluster, framework: Framework) -> tuple[str, str]:
    """The agent's address, and the path of the only executor's sandbox in its files API."""
    (executor,) = executors(cluster, framework)
    agents = {agent_state(agent.address)["id"]: agent.address for agent in cluster.agents}
    address = next(address for agent_id, address in agents.items() if agent_id in executor["directory"])
    return address, executor["directory"]


def read(cluster: Cluster, framework: Framework, path: str, expected: str) -> str:
    """A file of the executor's sandbox, read through the agent's API, once it contains the expected text."""
    address, directory = files(cluster, framework)
    query = {"path": f"{directory}/{path}", "offset": 0}

    def look() -> str | None:
        answer = httpx2.get(f"http://{address}/files/read", params=query, timeout=5)
        text: str = answer.json()["data"] if answer.status_code == 200 else ""
        return text if expected in text else None

    return wait_for(f"{expected!r} in {path}", look)


def test_one_of_a_group_finishes_and_the_other_stays_until_it_is_killed(cluster: Cluster, framework: Framework) -> None:
    framework.launch("pair", task("once", "true"), task("stays", STAY))
    assert framework.wait_states("once", S, R, FINISHED)["message"] == "Command exited with status 0"
    framework.wait_states("stays", S, R)
    (executor,) = executors(cluster, framework)
    assert (executor["id"], executor["type"]) == ("pair", "DEFAULT")
    framework.kill("stays")
    framework.wait_states("stays", S, R, K, KILLED)
    wait_for("the executor has left", lambda: not executors(cluster, framework))


def test_a_kill_ends_the_siblings_too(framework: Framework) -> None:
    framework.launch("pair", task("one", STAY), task("other", STAY))
    framework.wait_states("one", S, R)
    framework.wait_states("other", S, R)
    framework.kill("one")
    framework.wait_states("one", S, R, K, KILLED)
    framework.wait_states("other", S, R, K, KILLED)


def test_a_failure_ends_its_group_and_no_other_of_the_executor(cluster: Cluster, framework: Framework) -> None:
    """Groups are independent: the second keeps running while the first fails, and a third is launched afterwards."""
    agent = framework.launch(
        "several", task("fails", "until test -e go; do sleep 0.1; done; exit 3"), task("dies", STAY)
    )
    framework.wait_states("fails", S, R)
    framework.wait_states("dies", S, R)
    framework.launch("several", task("lives", STAY), agent=agent)
    status = framework.wait_states("lives", S, R)
    (executor,) = executors(cluster, framework)
    assert status["container_status"]["container_id"]["parent"]["value"] == executor["container"]
    Path(executor["directory"], "tasks", "fails", "go").touch()
    assert framework.wait_states("fails", S, R, FAILED)["message"] == "Command exited with status 3"
    framework.wait_states("dies", S, R, K, KILLED)
    framework.launch("several", task("third", "true"), agent=agent)
    framework.wait_states("third", S, R, FINISHED)
    assert framework.states("lives") == [S, R]
    assert [each["container"] for each in executors(cluster, framework)] == [executor["container"]]
    framework.kill("lives")
    framework.wait_states("lives", S, R, K, KILLED)


def test_health_checks_and_checks(cluster: Cluster, framework: Framework) -> None:
    """HTTP and command checks, first healthy, then not; a check is only reported."""
    port = 31007
    ports: Json = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": port, "end": port}]}}
    serve = f"mkdir www; echo page > www/index.html; exec busybox httpd -f -p {port} -h www"
    http = {"type": "HTTP", "http": {"port": port, "path": "/index.html", "scheme": "http"}}
    test_file: Json = {"type": "COMMAND", "command": {"shell": True, "value": "test -e ok"}}
    exit_3: Json = {"type": "COMMAND", "command": {"command": {"shell": True, "value": "exit 3"}}}
    web = task("web", serve, health_check={**http, **OFTEN})
    web["resources"] = [*web["resources"], ports]
    framework.launch(
        "checked",
        web,
        task("worker", f"touch ok; {STAY}", health_check={**test_file, **OFTEN, "consecutive_failures": 2}),
        task("watched", STAY, check={**exit_3, "delay_seconds": 0, "interval_seconds": 1}),
    )
    for name in ("web", "worker"):
        framework.wait_status(name, "healthy", lambda status: status.get("healthy"))
    told = {"type": "COMMAND", "command": {"exit_code": 3}}
    framework.wait_status("watched", "its check is told", lambda status: status.get("check_status") == told)
    assert framework.states("watched") == [S, R]
    (executor,) = executors(cluster, framework)
    Path(executor["directory"], "tasks", "worker", "ok").unlink()
    assert framework.wait_states("worker", S, R, K, KILLED)["healthy"] is False
    framework.wait_states("web", S, R, K, KILLED)
    framework.wait_states("watched", S, R, K, KILLED)


def test_an_image_a_secret_and_a_limit_of_time(cluster: Cluster, framework: Framework) -> None:
    """Secrets in the TaskInfo reach the container."""
    secret: Json = {"type": "VALUE", "value": {"data": "aHVzaA=="}}
    command = {
        "shell": True,
        "value": f"cat /etc/image /run/key; echo; echo $PW; echo told; {STAY}",
        "environment": {"variables": [{"name": "PW", "type": "SECRET", "secret": secret}]},
    }
    box = {
        "type": "MESOS",
        "mesos": {"image": {"type": "DOCKER", "docker": {"name": "busybox:1.35"}}},
        "volumes": [{"container_path": "/run/key", "mode": "RO", "source": {"type": "SECRET", "secret": secret}}],
    }
    limit = {"nanoseconds": 2_000_000_000}
    framework.launch("boxed", task("boxed", "", command=command, container=box, max_completion_time=limit))
    framework.wait_states("boxed", S, R)
    output = read(cluster, framework, "tasks/boxed/stdout", "told\n")
    assert "busybox:1.35" in output
    assert output.count("hush") == 2
    last = framework.wait_states("boxed", S, R, FAILED)
    assert last["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"


def test_what_mesos_adds_to_a_task(cluster: Cluster, framework: Framework) -> None:
    """Two variables, and the sandbox under the task's id in the agent's files, where Mesos' web page expects it."""
    framework.launch("told", task("told", f"env; echo done; {STAY}"))
    framework.wait_states("told", S, R)
    output = read(cluster, framework, "tasks/told/stdout", "done\n")
    variables = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    address, directory = files(cluster, framework)
    assert variables["MESOS_CONTAINER_IP"] == address.rpartition(":")[0]
    assert variables["MESOS_ALLOCATION_ROLE"] == "*"
    assert "MESOS_EXECUTOR_ID" not in variables, "the executor's environment is not the task's"
    listed = httpx2.get(f"http://{address}/files/browse", params={"path": f"{directory}/tasks/told"}, timeout=5).json()
    assert {Path(each["path"]).name for each in listed} >= {"stdout", "stderr"}


def test_a_persistent_volume_of_a_task_outlives_it(cluster: Cluster) -> None:
    """The agent mounts it for the executor; it is at the task's own path, also in the agent's files."""
    framework = Framework(cluster.master, role="keeper")
    framework.start()
    try:
        volume = reserved(resources(disk=16), volume="kept")
        make = [operation("RESERVE", reserved(resources(disk=16))), operation("CREATE", volume)]
        write = task("writer", f"echo of the first > data/file; {STAY}")
        agent = framework.launch("first", {**write, "resources": [*write["resources"], *volume]}, first=make)
        framework.wait_states("writer", S, R)
        read(cluster, framework, "tasks/writer/data/file", "of the first")
        framework.kill("writer")
        framework.wait_states("writer", S, R, K, KILLED)
        show = task("reader", "cat data/file")
        framework.launch("second", {**show, "resources": [*show["resources"], *volume]}, agent=agent)
        framework.wait_states("reader", S, R, FINISHED)
        offers = framework.offers(agent, lambda found: has_volumes(found, volume))
        framework.accept(offers, operation("DESTROY", volume), operation("UNRESERVE", reserved(resources(disk=16))))
        framework.offers(agent, lambda found: not any("reservations" in each for each in found))
    finally:
        framework.stop()


def reserved(plain: list[Json], volume: str = "") -> list[Json]:
    """Disk reserved for the role; with an id, as a persistent volume."""
    more: Json = {"reservations": [{"type": "DYNAMIC", "role": "keeper"}]}
    if volume:
        more["disk"] = {"persistence": {"id": volume}, "volume": {"container_path": "data", "mode": "RW"}}
    return [each | more for each in plain]


def operation(kind: str, amount: list[Json]) -> Json:
    """An operation: RESERVE and UNRESERVE have resources, CREATE and DESTROY have volumes."""
    name = "resources" if "RESERVE" in kind else "volumes"
    body: dict[str, Any] = {kind.lower(): {name: amount}}
    return {"type": kind, **body}
