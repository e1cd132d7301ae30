"""The pytest plugin (docs/harness.md): options, fixtures, and reports of failed tests.

pytest imports it in every project that has podexec installed. Nothing else of podexec is imported before a test uses a
fixture: see run.py for what happens then.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from localmesos import Cluster
    from podexec.testing import MesosClusterFactory, Podexec, PodexecFactory
    from podexec.testing.run import Run

_KEEP = ("never", "failed", "always")
_TITLE = "podexec"


class _Lifetimes:
    """What is running at the moment, a fixture's setup or a test, so that things made by it end with it."""

    def __init__(self) -> None:
        self.fixtures: list[pytest.FixtureDef[Any]] = []
        self.item: pytest.Item | None = None
        self.run: Run | None = None


_LIFETIMES = pytest.StashKey[_Lifetimes]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, and options of the same names for the configuration file."""
    group = parser.getgroup("podexec", "podexec: pods on a real Mesos")
    keep = "leave clusters up, and say how to look at them and how to remove them"
    group.addoption("--podexec-keep", action="store_const", const="always", default=None, help=keep)
    group.addoption(
        "--podexec-keep-failed",
        action="store_const",
        const="failed",
        dest="podexec_keep",
        help=f"{keep}, if a test that uses them fails",
    )
    group.addoption(
        "--podexec-master",
        metavar="MASTER",
        help="existing cluster to use instead of a local one: HOST:PORT or zk://HOST:PORT,.../PATH",
    )
    group.addoption(
        "--podexec-executor",
        metavar="PATH|URI|default",
        help="executor for an existing cluster, whose agents otherwise fetch it from this process",
    )
    group.addoption(
        "--podexec-level",
        metavar="LEVEL",
        help="how a local Mesos isolates containers: linux, linux-v2 or posix",
    )
    group.addoption(
        "--podexec-required",
        action="store_true",
        default=None,
        help="fail tests, instead of skipping them, if this machine cannot run a local Mesos",
    )
    parser.addini("podexec_keep", f"when clusters are left up: {', '.join(_KEEP)}", default="never")
    parser.addini("podexec_master", "like --podexec-master", default="")
    parser.addini("podexec_executor", "like --podexec-executor", default="")
    parser.addini("podexec_level", "like --podexec-level", default="")
    parser.addini("podexec_required", "like --podexec-required", type="bool", default=False)
    parser.addini("podexec_scheduler_options", "further options of podexec scheduler", type="args", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that contradict each other."""
    config.stash[_LIFETIMES] = _Lifetimes()
    if (keep := _option(config, "podexec_keep")) not in _KEEP:
        raise pytest.UsageError(f"podexec_keep is {keep!r}; it must be one of {', '.join(_KEEP)}")
    if keep != "never" and _option(config, "podexec_master"):
        raise pytest.UsageError("clusters are left up only if they are local: --podexec-keep excludes --podexec-master")


def _option(config: pytest.Config, name: str) -> Any:
    """An option, or what the configuration file says."""
    given = config.getoption(name, default=None)
    return config.getini(name) if given is None else given


# ------------------------------------------------------------------------------------------ fixtures


def _run(config: pytest.Config) -> Run:
    """This run's clusters and schedulers."""
    lifetimes = config.stash[_LIFETIMES]
    if lifetimes.run is None:
        from podexec.testing.run import Options, Run

        lifetimes.run = Run(
            Options(
                keep=_option(config, "podexec_keep"),
                master=_option(config, "podexec_master") or None,
                executor=_option(config, "podexec_executor") or None,
                level=_option(config, "podexec_level") or None,
                is_required=_option(config, "podexec_required"),
                scheduler_options=tuple(config.getini("podexec_scheduler_options")),
            ),
            lambda function: _when_done(lifetimes, function),
        )
    return lifetimes.run


def _when_done(lifetimes: _Lifetimes, function: Any) -> None:
    """Call a function at the end of the fixture that is being set up, or else of the running test."""
    if lifetimes.fixtures:
        lifetimes.fixtures[-1].addfinalizer(function)
    elif lifetimes.item is not None:
        lifetimes.item.addfinalizer(function)


@pytest.fixture(scope="session")
def mesos_cluster_factory(pytestconfig: pytest.Config) -> MesosClusterFactory:
    """Starts local Mesos clusters, with the options of `localmesos.Cluster.up`: `mesos_cluster_factory(agents=2)`.

    Each is taken down at the end of the test or fixture that started it.
    """
    return _run(pytestconfig).start_cluster


@pytest.fixture(scope="session")
def podexec_factory(pytestconfig: pytest.Config) -> PodexecFactory:
    """Starts schedulers, with the arguments of `podexec.testing.Podexec`: `podexec_factory(agents=2)`.

    Each ends, with its cluster, at the end of the test or fixture that started it.
    """
    return _run(pytestconfig).start_podexec


@pytest.fixture(scope="session")
def mesos_cluster(mesos_cluster_factory: MesosClusterFactory) -> Cluster:
    """A local Mesos with one agent (`localmesos.Cluster`), which all tests share."""
    return mesos_cluster_factory()


@pytest.fixture(scope="session")
def podexec(request: pytest.FixtureRequest, podexec_factory: PodexecFactory) -> Podexec:
    """A scheduler (`podexec.testing.Podexec`) on `mesos_cluster`, which all tests share.

    Pods are removed at the end of the test or fixture that ran them.
    """
    if _option(request.config, "podexec_master"):
        return podexec_factory()
    return podexec_factory(cluster=request.getfixturevalue("mesos_cluster"))


_FIXTURES = {"mesos_cluster", "mesos_cluster_factory", "podexec", "podexec_factory"}


# --------------------------------------------------------------------------------------------- hooks


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Note which fixture is being set up."""
    fixtures = request.config.stash[_LIFETIMES].fixtures
    fixtures.append(fixturedef)
    try:
        return (yield)
    finally:
        fixtures.pop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note which test is running."""
    lifetimes = item.config.stash[_LIFETIMES]
    lifetimes.item = item
    if lifetimes.run is not None:
        lifetimes.run.begin()
    try:
        return (yield)
    finally:
        lifetimes.item = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test what the processes and containers wrote during the test."""
    report = yield
    run = item.config.stash[_LIFETIMES].run
    if report.failed and run is not None and not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        report.sections += [(f"{_TITLE}: {each.title}", each.text) for each in run.failed()]
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell pytest-xdist's controller what a worker has left up."""
    run = session.config.stash[_LIFETIMES].run
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if run is not None and output is not None:
        output["podexec_kept"] = run.kept


_KEPT_BY_WORKERS = pytest.StashKey[list[str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Note what one of pytest-xdist's workers has left up."""
    kept: list[str] = getattr(node, "workeroutput", {}).get("podexec_kept", [])
    node.config.stash.setdefault(_KEPT_BY_WORKERS, []).extend(kept)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what is left up, how to look at it and how to remove it."""
    run = config.stash[_LIFETIMES].run
    kept = [*(run.kept if run is not None else ()), *config.stash.get(_KEPT_BY_WORKERS, [])]
    if kept:
        terminalreporter.section("left up by podexec")
        for line in kept:
            terminalreporter.write_line(line)
