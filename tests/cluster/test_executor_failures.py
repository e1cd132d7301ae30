"""Agents that cannot start the executor, or lose it: the reason is reported without access to a sandbox."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from scheduler.cli.client import ChangeRefusedError
from scheduler.cli.inside.client import InsideClient
from tests.cluster.support import Scheduler, agent_state, container

STAYS = "exec sleep 1000"
Refused = Callable[..., Scheduler]


@pytest.fixture
def started(cluster: Cluster, tmp_path: Path) -> Iterator[Refused]:
    """Starts schedulers whose executors cannot be started."""
    made: list[Scheduler] = []

    def start(executor: str, python: str = "/usr/bin/python3") -> Scheduler:
        name = f"failing-{tmp_path.name}-{len(made)}"
        scheduler = Scheduler(cluster, tmp_path, None, name)
        scheduler.use_executor(executor, python)
        made.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for each in made:
        each.remove_all()
        each.close()


def why(scheduler: Scheduler, *words: str) -> str:
    """The message of the last end, once it contains these texts."""

    def probe() -> str | None:
        ends = scheduler.client.status("/web").get("terminationHistory", ())
        return next((each["message"] for each in ends if all(word in each.get("message", "") for word in words)), None)

    return scheduler.wait(f"an end with {words}", probe)


def wait_for_output_before(scheduler: Scheduler, client: InsideClient, text: str) -> None:
    """Wait until the previous launch's executor has written the text; there must be another launch first."""
    before = {"executor": "true", "previous": "true"}
    scheduler.wait(
        f"{text} in what the executor of the launch before wrote",
        lambda: any(text in each.get("line", "") for each in client.logs("/web", before)),
    )


def _files(client: InsideClient) -> set[str]:
    """The files of the current executor; none while Mesos does not know of the next launch yet."""
    try:
        return {each["name"] for each in client.files("/web", {"executor": "true"})}
    except ChangeRefusedError:
        return set()


def test_why_an_executor_does_not_start_is_told(started: Refused, cluster: Cluster, tmp_path: Path) -> None:
    program = str(cluster.default_executor)
    corrupt = tmp_path / "corrupt.pyz"
    corrupt.write_bytes(b"PK\3\4 no archive")
    nothing = f"http://{cluster.host_address}:1/podexec.pyz"
    cases = {
        (program, "/no/such/python"): ("exited with status 127", "/no/such/python: not found"),
        (program, "/bin/false"): ("exited with status 1",),
        (str(corrupt), "/usr/bin/python3"): ("its stderr ends with", "SyntaxError"),
        (nothing, "/usr/bin/python3"): ("Failed to fetch", "Connection refused"),
    }
    for (executor, python), words in cases.items():
        scheduler = started(executor, python)
        scheduler.client.add({"id": "/web", "containers": [container("a", STAYS)]})
        assert "\n" not in why(scheduler, *words)
        with InsideClient(scheduler.client.url) as client:
            scheduler.wait("the executor's files are listed", lambda: _files(client) >= {"stdout", "stderr"})
            if python == "/no/such/python":
                wait_for_output_before(scheduler, client, "/no/such/python")
        scheduler.remove("/web")


def test_how_an_executor_that_ran_was_lost_is_told(scheduler: Scheduler) -> None:
    scheduler.run({"id": "/web", "containers": [container("a", STAYS)]})
    (executor_id,) = [each for each in scheduler.cluster_executors() if each.startswith("instance-web.")]
    (found,) = [
        executor
        for agent in scheduler.cluster.agents
        for framework in agent_state(agent.address)["frameworks"]
        for executor in framework["executors"]
        if executor["id"] == executor_id
    ]
    sandbox = found["directory"]
    (pid,) = [
        int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal() and _runs_executor_in(each, sandbox)
    ]
    os.kill(pid, signal.SIGSEGV)

    assert "killed by SIGSEGV" in why(scheduler, "Executor terminated", "its executor")


def _runs_executor_in(process: Path, sandbox: str) -> bool:
    """Whether a process is the executor of this sandbox, and not its parent or one of its containers."""
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        environment = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"MESOS_SANDBOX={sandbox}".encode() in environment and b"-S" in command
