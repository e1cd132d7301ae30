"""Schedulers that return with another store, or to another cluster."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from tests.cluster.support import HTTP, Json, Scheduler, agent_state, container

POD = {
    "id": "/kept",
    "containers": [container("only", "exec sleep 1000")],
    "scaling": {"kind": "fixed", "instances": 1},
}


def _task(status: Json) -> str:
    [instance] = status["instances"]
    [only] = instance["containers"]
    return str(only["containerId"])


def _tasks_on(cluster: Cluster, prefix: str) -> list[str]:
    """All tasks on any agent whose ids have this prefix."""
    return sorted(
        task["id"]
        for agent in cluster.agents
        for framework in agent_state(agent.address)["frameworks"]
        for executor in framework["executors"]
        for task in executor["tasks"] + executor["queued_tasks"]
        if task["id"].startswith(prefix)
    )


def test_a_backup_that_is_restored_adopts_what_runs_and_a_store_that_was_lost_is_told_of(
    own_scheduler: Scheduler,
) -> None:
    scheduler, store = own_scheduler, own_scheduler.log.with_suffix(".db")
    first = _task(scheduler.run(POD))
    scheduler.end(signal.SIGTERM)
    backup = store.with_suffix(".backup")
    shutil.copyfile(store, backup)

    scheduler.start()
    scheduler.stable("/kept")
    scheduler.client.kill("/kept", [first.rsplit(".", 2)[0]])

    def relaunched() -> str | None:
        found = _tasks_on(scheduler.cluster, "kept.")
        return found[0] if len(found) == 1 and found[0] != first else None

    second = scheduler.wait("the second incarnation runs alone", relaunched)
    scheduler.stable("/kept")
    scheduler.end(signal.SIGTERM)
    shutil.copyfile(backup, store)

    scheduler.start()
    adopted = scheduler.wait("it is adopted", lambda: _task(scheduler.stable("/kept")) == second)
    assert adopted
    assert _tasks_on(scheduler.cluster, "kept.") == [second]
    assert "adopting a running incarnation" in scheduler.log.read_text()

    lost = scheduler.client.info()["frameworkId"]
    scheduler.end(signal.SIGTERM)
    current = store.with_suffix(".current")
    store.rename(current)
    scheduler.start()
    scheduler.wait("the old framework is told of", lambda: f'"old_framework_id":"{lost}"' in scheduler.log.read_text())
    assert _tasks_on(scheduler.cluster, "kept.") == [second]
    scheduler.end(signal.SIGTERM)
    current.rename(store)
    scheduler.start()
    assert _task(scheduler.stable("/kept")) == second


@pytest.fixture
def other() -> Iterator[Cluster]:
    """Another cluster."""
    cluster = Cluster.up(f"other-{os.getpid()}", agents=1, owner_pid=os.getpid())
    try:
        yield cluster
    finally:
        cluster.down()


def test_pods_that_were_made_after_a_backup_are_adopted_or_killed_by_command(own_scheduler: Scheduler) -> None:
    """The one that is adopted is not restarted."""
    scheduler, store = own_scheduler, own_scheduler.log.with_suffix(".db")
    scheduler.run(POD)
    scheduler.end(signal.SIGTERM)
    backup = store.with_suffix(".backup")
    shutil.copyfile(store, backup)
    scheduler.start()
    adopted, killed = POD | {"id": "/lost/one"}, POD | {"id": "/lost/two"}
    first, second = _task(scheduler.run(adopted)), _task(scheduler.run(killed))
    scheduler.end(signal.SIGTERM)
    shutil.copyfile(backup, store)

    scheduler.start()
    scheduler.stable("/kept")
    client = scheduler.client

    def listed() -> dict[str, str] | None:
        found = {each["podId"]: each["id"] for each in client.orphans()}
        return found if len(found) == 2 else None

    orphans = scheduler.wait("both lost pods are listed", listed)
    assert orphans.keys() == {"/lost/one", "/lost/two"}
    assert {each["tasks"][0]["id"] for each in client.orphans()} == {first, second}

    client.adopt(orphans["/lost/one"], adopted)
    client.kill_orphan(orphans["/lost/two"])
    scheduler.wait("the other one has ended", lambda: _tasks_on(scheduler.cluster, "lost_") == [first])
    assert _task(scheduler.stable("/lost/one")) == first
    assert client.orphans() == []
    assert {each["id"] for each in client.statuses()} == {"/kept", "/lost/one"}


def test_a_store_is_refused_on_another_cluster_and_nothing_happens_there(
    own_scheduler: Scheduler, other: Cluster, executor: Path, tmp_path: Path
) -> None:
    here = _task(own_scheduler.run(POD))
    own_scheduler.end(signal.SIGTERM)
    mistaken = Scheduler(other, tmp_path, executor, own_scheduler.log.stem)
    mistaken.add_options("--agent-return-timeout", "3000")
    try:
        mistaken.start()
        own_scheduler.wait("it is refused", lambda: not mistaken.is_alive, 150)
    finally:
        mistaken.close()
    log = own_scheduler.log.read_text()
    assert "none of which this store knows" in log, log
    assert "--adopt-cluster" in log
    assert HTTP.get(f"http://{other.master}/tasks").json()["tasks"] == []

    own_scheduler.start()
    assert _task(own_scheduler.stable("/kept")) == here
    assert _tasks_on(own_scheduler.cluster, "kept.") == [here]
