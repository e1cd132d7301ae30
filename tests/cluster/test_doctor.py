"""What the doctor says where Mesos, an agent or a file's source refuses: by the messages that real ones give."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from scheduler.model.json import Json
from tests.cluster.support import Scheduler, container

ACLS = {"run_tasks": [{"principals": {"type": "NONE"}, "users": {"values": ["daemon"]}}]}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One agent, and a master that lets nobody run tasks as the user daemon."""
    name = f"doctor-{os.getpid()}"
    cluster = Cluster.up(name, agents=1, master_flags={"acls": json.dumps(ACLS)}, owner_pid=os.getpid())
    try:
        yield cluster
    finally:
        cluster.down()


def told(scheduler: Scheduler, check: str) -> Json:
    """The doctor's finding, once it fails."""

    def failed() -> Json | None:
        found = [each for each in scheduler.client.doctor() if (each["check"], each["result"]) == (check, "failed")]
        return found[0] if found else None

    return scheduler.wait(f"the doctor finds {check}", failed)


def test_what_the_master_does_not_authorize_and_agents_cannot_fetch(
    cluster: Cluster, executor: Path, tmp_path: Path
) -> None:
    scheduler = Scheduler(cluster, tmp_path, executor, "doctor")
    try:
        scheduler.start()
        scheduler.client.add({"id": "/refused", "user": "daemon", "containers": [container("a", "exec sleep 100")]})
        found = told(scheduler, "acl")
        assert "/refused" in found["message"]
        assert "run_tasks" in found["advice"]
        missing = container("a", "exec sleep 100", artifacts=[{"uri": f"file://{tmp_path}/missing"}])
        scheduler.client.add({"id": "/missing", "containers": [missing]})
        found = told(scheduler, "fetching")
        assert "/missing" in found["message"]
        assert cluster.agents[0].host in found["message"]
        scheduler.remove_all()
    finally:
        scheduler.close()


def test_an_agent_without_the_python_of_the_executor(cluster: Cluster, executor: Path, tmp_path: Path) -> None:
    scheduler = Scheduler(cluster, tmp_path, executor, "python")
    scheduler.use_executor(str(executor), "/no/such/python3")
    try:
        scheduler.start()
        scheduler.client.add({"id": "/without", "containers": [container("a", "exec sleep 100")]})
        found = told(scheduler, "python")
        assert "/without" in found["message"]
        assert "--executor-python" in found["advice"]
        scheduler.remove_all()
    finally:
        scheduler.close()
