"""One local Mesos with three agents for all tests that want it, and schedulers on it. Most tests do not.

Tests run with podexec's executor; ``support.both_executors`` makes a test run with executors of type DEFAULT as well.
"""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from localmesos import Cluster
from localmesos.images.busybox import make_busybox_image
from scheduler.cli.local import build_executor
from tests.cluster.support import PODEXEC, QUICK_RECOVERY, Scheduler
from tests.cluster.user import User
from tests.zookeeper import Ensemble

pytest_plugins = ("pytester",)

# What is made once: tests that have it run in one process, also where there are several.
_MADE_ONCE = ("cluster", "built", "static_executor", "copied_source")

ROOT = Path(__file__).parents[1]
_LONGEST_ID = 100
_PODEXEC = ("scheduler", "podexec", "localmesos")
_PATIENCE_WITH_THREADS = 20  # seconds

# How long an example takes tells more of the machine than of the code.
hypothesis.settings.register_profile("podexec", deadline=None)
hypothesis.settings.load_profile("podexec")

# A scheduler whose pods have executors of that kind.
Schedulers = Callable[[str], Scheduler]


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in its own
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests that have nothing in common with others, those of a file run in one process."""
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        names = getattr(item, "fixturenames", ())
        group = next((each for each in _MADE_ONCE if each in names), item.nodeid.partition("::")[0])
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A long value is named by its parameter: most are made up at random, and processes have to agree on the names."""
    return argname if isinstance(val, str | bytes) and len(val) > _LONGEST_ID else None


@pytest.fixture(scope="module", autouse=True)
def _nothing_goes_on() -> Iterator[None]:
    """No thread of podexec outlives the tests of a file: what it logs or asks would disturb those of others."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _PATIENCE_WITH_THREADS
    while going_on := [each.name for each in threading.enumerate() if each not in before and _runs_podexec(each)]:
        assert time.monotonic() < deadline, f"threads of podexec go on after the tests: {going_on}"
        gc.collect()  # some end when nothing uses what they are for, which the traceback of an expected error may do
        time.sleep(0.02)


def _runs_podexec(thread: threading.Thread) -> bool:
    """Whether one of its calls is of podexec's code."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] in _PODEXEC:
            return True
        frame = frame.f_back
    return False


@pytest.fixture(scope="session")
def executor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor's zipapp, built from this tree."""
    return build_executor(tmp_path_factory.mktemp("executor") / "podexec.pyz")


def build_static_executor(output: Path, tree: Path = ROOT, environment: Mapping[str, str] | None = None) -> Path:
    """Build the static executor from the sources in a tree."""
    command = [sys.executable, "-m", "tools.static_executor", "--output", str(output)]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | dict(environment or {})
    done = subprocess.run(command, cwd=tree, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="session")
def static_executor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executor that needs no Python, built from this tree. Every user may read it."""
    folder = tmp_path_factory.mktemp("static")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)
    return build_static_executor(folder / "executor-x86_64")


@pytest.fixture(scope="session")
def zookeeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ensemble]:
    """A single ZooKeeper server, for all tests that do not hurt it."""
    with Ensemble(tmp_path_factory.mktemp("zookeeper"), 1) as ensemble:
        yield ensemble


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
