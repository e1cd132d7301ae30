"""A cluster without cgroups, images and container networks, like that of a user without root."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from localmesos import Cluster, ClusterError
from tests.cluster.framework import Framework, task
from tests.cluster.support import Json, Scheduler, container
from tests.cluster.volumes import kill, lines, only, pod, relaunched, remove, task_of, volume_of


@pytest.fixture(scope="module")
def posix_scheduler(executor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler on one agent with the posix launcher."""
    cluster = Cluster.up(
        f"posix-{os.getpid()}", agents=1, level="posix", default_executor=executor, owner_pid=os.getpid()
    )
    scheduler = Scheduler(cluster, tmp_path_factory.mktemp("posix"), executor, "posix")
    try:
        scheduler.start()
        yield scheduler
    finally:
        scheduler.close()
        cluster.down()


def test_a_pod_with_a_shared_volume_runs(posix_scheduler: Scheduler) -> None:
    """Volumes in the sandbox need no privileges."""
    mounts = [{"name": "shared", "mountPath": "shared"}]
    status = posix_scheduler.run(
        {
            "id": "/posix",
            "volumes": [{"name": "shared"}],
            "containers": [
                container("writer", "echo text > shared/file; exec sleep 100", volumeMounts=mounts),
                container(
                    "reader", "until grep . shared/file; do sleep 0.1; done; exec sleep 100", volumeMounts=mounts
                ),
            ],
        }
    )
    posix_scheduler.output(status, "reader", "text")


def test_it_has_no_images(posix_scheduler: Scheduler, tmp_path: Path) -> None:
    """An image cannot be added in vain, and no registry is shown."""
    assert posix_scheduler.cluster.status().registry is None
    with pytest.raises(ClusterError, match="runs no images: its level, posix, leaves them out"):
        posix_scheduler.cluster.add_image(tmp_path)


def test_what_containers_use_their_executor_tells(posix_scheduler: Scheduler) -> None:
    """This agent measures only whole pods."""
    posix_scheduler.run(
        {"id": "/using", "containers": [container("busy", "while :; do :; done"), container("idle", "exec sleep 100")]}
    )

    def used() -> dict[str, Json] | None:
        answer = httpx2.get(f"{posix_scheduler.client.url}/v2/pods/using::usage", timeout=10)
        [instance] = answer.raise_for_status().json()
        told = {each["name"]: each["used"] for each in instance["containers"]}
        return told if told["busy"].get("cpuSeconds", 0) > 0.1 else None

    told = posix_scheduler.wait("CPU time of the busy container", used)
    assert told["idle"]["cpuSeconds"] < told["busy"]["cpuSeconds"]
    assert [told[name]["processes"] for name in ("busy", "idle")] == [1, 1]
    assert told["idle"]["memoryBytes"] > 0


def test_a_persistent_volume_is_kept(posix_scheduler: Scheduler) -> None:
    """If it cannot be mounted, Mesos links it."""
    first = only(posix_scheduler.run(pod("keeping")))
    kill(posix_scheduler, first)
    second = relaunched(posix_scheduler, "/keeping/db", task_of(first), "a kill")
    volume = volume_of(posix_scheduler, second)
    assert lines(posix_scheduler, volume, 2) == [task_of(first), task_of(second)]
    remove(posix_scheduler, "keeping")


def test_agents_serve_other_frameworks_here_too(posix_scheduler: Scheduler) -> None:
    framework = Framework(posix_scheduler.cluster.master)
    framework.start()
    try:
        framework.launch("group", task("fails", "sleep 1; exit 3"), task("dies", "exec sleep 100"))
        framework.wait_states("fails", "TASK_STARTING", "TASK_RUNNING", "TASK_FAILED")
        framework.wait_states("dies", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED")
    finally:
        framework.stop()


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (
            "/volumes(0)/host",
            {
                "volumes": [{"name": "local", "host": "/usr"}],
                "containers": [container("only", "x", volumeMounts=[{"name": "local", "mountPath": "local"}])],
            },
        ),
        (
            "/containers(0)/image",
            {"containers": [container("only", "x", image={"kind": "DOCKER", "id": "busybox:1.35"})]},
        ),
    ],
)
def test_what_no_agent_can_do_is_refused(posix_scheduler: Scheduler, path: str, changes: dict[str, object]) -> None:
    """The answer names the missing isolator."""
    definition = {"id": "/impossible", "containers": [container("only", "x")]} | changes
    answer = httpx2.post(f"{posix_scheduler.client.url}/v2/pods", json=definition, timeout=10)
    assert answer.status_code == 422
    (detail,) = answer.json()["details"]
    assert detail["path"] == path
    assert "isolator" in detail["errors"][0]
    assert "/impossible" not in [pod["id"] for pod in posix_scheduler.pods()]
