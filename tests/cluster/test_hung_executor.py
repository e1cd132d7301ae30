"""Hung executors: their containers are ended nevertheless, and users see why it takes long."""

import os
import signal

import psutil
import pytest

from tests.cluster.support import Json, Scheduler, both_executors, container
from tests.conftest import Schedulers

_PROGRAMS = ("podexec.pyz", "mesos-default-executor")


@pytest.fixture
def impatient(own_schedulers: Schedulers, executor_kind: str, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    """A scheduler that repeats kills every second, and shuts an executor down after three."""
    monkeypatch.setenv("PODEXEC_KILL_RETRY_TIMEOUT", "1000")
    monkeypatch.setenv("PODEXEC_KILLS_BEFORE_SHUTDOWN", "3")
    return own_schedulers(executor_kind)


@both_executors
def test_the_pod_of_an_executor_that_hangs_is_removed(impatient: Scheduler) -> None:
    """A pod whose containers differ in size and grace period."""
    one = container("one", "exec sleep 1000", resources={"cpus": 0.5, "mem": 64})
    two = container("two", "trap '' TERM; sleep 1000", lifecycle={"killGracePeriodSeconds": 2})
    status = impatient.run({"id": "/hung", "containers": [one, two, container("three", "exec sleep 1000")]})
    _stop(status)
    impatient.client.remove("/hung")
    impatient.wait("its executor is gone", lambda: not _executors(impatient, "hung"))
    impatient.wait("the removal is done", lambda: not impatient.client.deployments())
    assert "executor does not respond to kills, shutting it down" in impatient.log.read_text()


def test_an_instance_of_one_that_hangs_is_not_shown_as_stable_and_relaunched(impatient: Scheduler) -> None:
    """A user kills it, and the scheduler is killed too."""
    status = impatient.run({"id": "/hung", "containers": [container("one", "exec sleep 1000")]})
    instance_id = status["instances"][0]["id"]
    _stop(status)
    impatient.client.kill("/hung", [instance_id])
    shown = impatient.wait("the status tells", lambda: _told(impatient))
    assert shown["status"] != "STABLE"
    impatient.end()
    impatient.start()

    def again() -> Json | None:
        [instance] = impatient.client.status("/hung")["instances"]
        [seen] = instance["containers"]
        is_next = str(seen.get("containerId", "")).endswith(".2")
        return instance if is_next and instance["status"] == "STABLE" else None

    assert impatient.wait("its next incarnation runs", again)["id"] == instance_id


def _told(scheduler: Scheduler) -> Json | None:
    [instance] = scheduler.client.status("/hung")["instances"]
    return instance if str(instance.get("message", "")).startswith("kill sent") else None


def _stop(status: Json) -> None:
    """Stop the executor of the only instance with SIGSTOP."""
    name, uuid = status["instances"][0]["id"].split(".instance-")
    executor_id = f"instance-{name}.{uuid}"
    found = [each for each in psutil.process_iter() if _is_of(each, executor_id)]
    assert found, f"no process of {executor_id}"
    for each in found:
        os.kill(each.pid, signal.SIGSTOP)


def _is_of(process: psutil.Process, executor_id: str) -> bool:
    try:
        is_executor = any(program in word for word in process.cmdline() for program in _PROGRAMS)
        return is_executor and process.environ().get("MESOS_EXECUTOR_ID") == executor_id
    except psutil.Error:
        return False


def _executors(scheduler: Scheduler, name: str) -> list[str]:
    return [each for each in scheduler.cluster_executors() if each.startswith(f"instance-{name}.")]
