"""One local Mesos with three agents for all tests that want it, and schedulers on it. Most tests do not.

Tests run with podexec's executor; ``support.both_executors`` makes a test run with executors of type DEFAULT as well.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from localmesos import Cluster
from localmesos.images import make_busybox_image
from scheduler.cli.local import build_executor
from tests.cluster.support import PODEXEC, QUICK_RECOVERY, Scheduler
from tests.cluster.user import User

# What is made once: tests that have it run in one process, also where there are several.
_MADE_ONCE = ("cluster", "built")

# How long an example takes tells more of the machine than of the code.
hypothesis.settings.register_profile("podexec", deadline=None)
hypothesis.settings.load_profile("podexec")

# A scheduler whose pods have executors of that kind.
Schedulers = Callable[[str], Scheduler]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests that have nothing in common with others, those of a file run in one process."""
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        names = getattr(item, "fixturenames", ())
        group = next((each for each in _MADE_ONCE if each in names), str(item.path))
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor's zipapp, built from this tree."""
    return build_executor(tmp_path_factory.mktemp("executor") / "podexec.pyz")


@pytest.fixture(scope="session")
def cluster(executor: Path) -> Iterator[Cluster]:
    """Three agents at the fullest level of this machine, which have a default executor and an image they can pull.

    They have CPU quotas, as DC/OS' agents do and Mesos' by default do not: much is slower with them, and the end of a
    container is more difficult.
    """
    running = Cluster.up(
        f"test-{os.getpid()}",
        agents=3,
        agent_flags=QUICK_RECOVERY | {"cgroups_enable_cfs": True},
        default_executor=executor,
        owner_pid=os.getpid(),
    )
    try:
        make_busybox_image(running.images_dir, "busybox:1.35")
        yield running
    finally:
        running.down()


@pytest.fixture
def executor_kind() -> str:
    """Which executor the pods of ``scheduler`` and ``own_scheduler`` have: PODEXEC, or DEFAULT."""
    return PODEXEC


@pytest.fixture(scope="session")
def shared_schedulers(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Schedulers]:
    """One of each kind, for all tests which do not hurt it; its environment has the secret of the examples."""
    running: dict[str, Scheduler] = {}
    with ExitStack() as stack:

        def shared(kind: str) -> Scheduler:
            if kind not in running:
                folder = tmp_path_factory.mktemp("scheduler")
                scheduler = Scheduler(
                    cluster, folder, cluster.default_executor if kind == PODEXEC else None, f"shared-{kind}"
                )
                stack.callback(scheduler.close)
                with pytest.MonkeyPatch.context() as environment:
                    environment.setenv("PODEXEC_SECRET_FULLY_QUALIFIED_PATH", "a token")
                    scheduler.start()
                running[kind] = scheduler
            return running[kind]

        yield shared


@pytest.fixture
def scheduler(shared_schedulers: Schedulers, executor_kind: str) -> Iterator[Scheduler]:
    """The shared scheduler; whatever pods a test leaves are removed."""
    scheduler = shared_schedulers(executor_kind)
    yield scheduler
    scheduler.remove_all()


@pytest.fixture
def user(scheduler: Scheduler) -> Iterator[User]:
    """Somebody who uses the shared scheduler."""
    with User(scheduler.client.url, scheduler.tail) as user:
        yield user


@pytest.fixture
def own_schedulers(cluster: Cluster, tmp_path: Path) -> Iterator[Schedulers]:
    """Makes schedulers that the test may kill and start as it likes; their pods are removed with them."""
    made: list[Scheduler] = []
    with ExitStack() as stack:

        def make(kind: str) -> Scheduler:
            name = f"own-{tmp_path.name}-{kind}"
            scheduler = Scheduler(cluster, tmp_path, cluster.default_executor if kind == PODEXEC else None, name)
            stack.callback(scheduler.close)
            scheduler.start()
            made.append(scheduler)
            return scheduler

        yield make
        for scheduler in made:
            if not scheduler.is_alive:
                scheduler.start()
            scheduler.remove_all()


@pytest.fixture
def own_scheduler(own_schedulers: Schedulers, executor_kind: str) -> Scheduler:
    """One of those."""
    return own_schedulers(executor_kind)
