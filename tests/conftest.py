"""One local Mesos with two agents for all tests that want it, and a scheduler on it. Most tests do not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import Cluster
from localmesos.images import make_busybox_image
from scheduler.cli.local import build_executor
from tests.cluster.support import Scheduler


@pytest.fixture(scope="session")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor's zipapp, built from this tree."""
    return build_executor(tmp_path_factory.mktemp("executor") / "podexec.pyz")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Two agents at the fullest level of this machine, and an image they can pull."""
    running = Cluster.up(f"test-{os.getpid()}", agents=2, owner_pid=os.getpid())
    try:
        make_busybox_image(running.images_dir, "busybox:1.35")
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def shared_scheduler(cluster: Cluster, executor: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    """A scheduler that all tests share which do not hurt it; its environment has the secret of the examples."""
    scheduler = Scheduler(cluster, tmp_path_factory.mktemp("scheduler"), executor, "shared")
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("PODEXEC_SECRET_FULLY_QUALIFIED_PATH", "a token")
            scheduler.start()
        yield scheduler
    finally:
        scheduler.close()


@pytest.fixture
def scheduler(shared_scheduler: Scheduler) -> Iterator[Scheduler]:
    """The shared scheduler; whatever pods a test leaves are removed."""
    yield shared_scheduler
    for pod in shared_scheduler.pods():
        shared_scheduler.remove(pod["id"])


@pytest.fixture
def own_scheduler(cluster: Cluster, executor: Path, tmp_path: Path) -> Iterator[Scheduler]:
    """A scheduler that the test may kill and start as it likes; its pods are removed with it."""
    scheduler = Scheduler(cluster, tmp_path, executor, f"own-{tmp_path.name}")
    try:
        scheduler.start()
        yield scheduler
        if not scheduler.is_alive:
            scheduler.start()
        for pod in scheduler.pods():
            scheduler.remove(pod["id"])
    finally:
        scheduler.close()
