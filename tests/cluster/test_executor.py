"""podexec's executor and the agent on a real Mesos: restarts, an agent that stays unreachable, forced ends."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localmesos import Cluster
from tests.cluster.support import QUICK_RECOVERY, Json, Scheduler, container, wait_for

ROUNDS = PODS = 10


@pytest.fixture(scope="module")
def lonely(executor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler and an agent whose executors wait for it for at most ten seconds."""
    folder = tmp_path_factory.mktemp("lonely")
    folder.chmod(0o755)
    cluster = Cluster.up(
        f"executor-{os.getpid()}",
        agents=1,
        agent_flags=QUICK_RECOVERY | {"recovery_timeout": "10secs"},
        master_flags={"agent_ping_timeout": "15secs"},  # it is not unreachable before its executors have given it up
        agent_resources="cpus:16;mem:8192;disk:4096;ports:[31000-31500]",
        owner_pid=os.getpid(),
    )
    scheduler = Scheduler(cluster, folder, executor, "lonely")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


@pytest.fixture
def alone(lonely: Scheduler) -> Iterator[Scheduler]:
    """Pods that a test leaves are removed."""
    yield lonely
    lonely.remove_all()


def instance(scheduler: Scheduler, pod_id: str) -> Json:
    """The current instance of a pod with one instance."""
    found: Json = scheduler.client.status(pod_id)["instances"][0]
    return found


def history(scheduler: Scheduler, pod_id: str) -> list[Json]:
    """Termination history of a pod."""
    ends: list[Json] = scheduler.client.status(pod_id).get("terminationHistory", [])
    return ends


def executors(scheduler: Scheduler, pod_id: str) -> list[psutil.Process]:
    """Processes of a pod's executor, without those of its containers."""
    prefix = f"instance-{pod_id.strip('/').replace('/', '_')}."
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MESOS_EXECUTOR_ID", "").startswith(prefix) and "-S" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.timeout(400)
def test_ten_restarts_of_the_agent_lose_nothing(alone: Scheduler) -> None:
    """SIGKILL of the agent, ten times in a row, under ten pods. In each round a container of one pod ends meanwhile,
    with a code of its own: 0 leaves its pod alone, any other is told and replaces its pod. No other pod is touched.
    """
    cluster = alone.cluster
    (agent,) = cluster.agents
    pods = [f"/restarts/{number}" for number in range(PODS)]
    for number, pod_id in enumerate(pods):
        ends = container("ends", f"while ! test -e done; do sleep 0.1; done; exit {number}")
        alone.client.add({"id": pod_id, "containers": [container("stays", "exec sleep 10000"), ends]})
    ids = {pod_id: alone.stable(pod_id)["instances"][0]["id"] for pod_id in pods}
    sandboxes = [alone.sandbox(alone.client.status(pod_id), "ends") for pod_id in pods]
    for number in range(ROUNDS):
        pod_id = pods[number]
        cluster.kill_agent(agent.id)
        (sandboxes[number] / "done").touch()
        cluster.restart_agent(agent.id)
        if number == 0:
            _wait_finished(alone, pod_id)
        else:
            alone.wait(f"the end of {pod_id}", lambda: history(alone, pod_id))  # noqa: B023
            (last,) = history(alone, pod_id)
            states = {each["containerId"].split(".")[2]: each["lastKnownState"] for each in last["containers"]}
            assert states == {"stays": "TASK_KILLED", "ends": "TASK_FAILED"}
            messages = [each["termination"]["message"] for each in last["containers"]]
            assert f"Command exited with status {number}" in messages
            alone.stable(pod_id)
        for untouched in pods[number + 1 :]:
            assert instance(alone, untouched)["id"] == ids[untouched]
            assert history(alone, untouched) == []
            states = {each["status"] for each in instance(alone, untouched)["containers"]}
            assert states == {"TASK_RUNNING"}
    assert history(alone, pods[0]) == []


def _wait_finished(scheduler: Scheduler, pod_id: str) -> None:
    scheduler.wait(
        f"one container of {pod_id} has finished",
        lambda: (
            {each["status"] for each in instance(scheduler, pod_id)["containers"]} == {"TASK_RUNNING", "TASK_FINISHED"}
        ),
    )


def test_an_agent_that_stays_away_longer_than_the_recovery_timeout_loses_executor_and_containers(
    alone: Scheduler,
) -> None:
    cluster = alone.cluster
    (agent,) = cluster.agents
    alone.run({"id": "/abandoned", "containers": [container("only", "exec sleep 86399")]})
    (process,) = executors(alone, "/abandoned")
    cluster.kill_agent(agent.id)
    _, alive = psutil.wait_procs([process], timeout=5)
    assert alive, "it waits for a while"
    try:
        psutil.wait_procs([process], timeout=20)
        assert not process.is_running()
        wait_for("the container's end", lambda: not [p for p in psutil.process_iter() if _is_sleep(p, "86399")], 10)
    finally:
        cluster.restart_agent(agent.id)
    (last,) = alone.wait("the pod's end is told", lambda: history(alone, "/abandoned"))
    assert last["containers"][0]["lastKnownState"] in ("TASK_FAILED", "TASK_GONE")
    alone.stable("/abandoned")


def _is_sleep(process: psutil.Process, seconds: str) -> bool:
    try:
        return process.cmdline() == ["sleep", seconds]
    except psutil.Error:
        return False


def test_an_executor_that_is_killed_is_told_and_its_containers_end(alone: Scheduler) -> None:
    status = alone.run({"id": "/shot", "containers": [container("only", "exec sleep 86398")]})
    sandbox = alone.sandbox(status, "only").resolve().parents[1]
    (process,) = executors(alone, "/shot")
    process.send_signal(signal.SIGKILL)
    (last,) = alone.wait("the pod's end is told", lambda: history(alone, "/shot"))
    assert last["containers"][0]["lastKnownState"] == "TASK_FAILED"
    assert last["message"] == "Executor terminated"
    assert "REASON_EXECUTOR_TERMINATED" in alone.log.read_text()
    assert "ContainerLaunched" in (sandbox / "journal").read_text(), "what it had done is still there"
    wait_for("the container's end", lambda: not [p for p in psutil.process_iter() if _is_sleep(p, "86398")], 10)


def test_an_executor_whose_memory_runs_out_is_told_as_such(alone: Scheduler) -> None:
    """A process in its control group uses too much memory, as a bug of the executor would."""
    alone.run({"id": "/starved", "containers": [container("only", "exec sleep 86397")]})
    (process,) = executors(alone, "/starved")
    lines = Path(f"/proc/{process.pid}/cgroup").read_text().splitlines()
    (group,) = [line.split(":")[2] for line in lines if ":memory:" in line]
    join = f"echo $$ > /sys/fs/cgroup/memory{group}/cgroup.procs"
    hog = f"{join} && exec {shlex.quote(sys.executable)} -c 'bytearray(512 << 20)'"
    subprocess.run(["/bin/sh", "-c", hog], timeout=60, check=False, capture_output=True)
    (last,) = alone.wait("the pod's end is told", lambda: history(alone, "/starved"))
    assert last["containers"][0]["lastKnownState"] == "TASK_FAILED"
    assert "Memory limit exceeded" in last["message"]
    assert "REASON_CONTAINER_LIMITATION_MEMORY" in alone.log.read_text()
