"""How much of the core, the stores and the executor their own tests cover, with a floor for each.

``make test`` without ARGS loads this plugin; below a floor it fails. Only the tests of these parts are traced, so that
the others run as fast as ever. Lines are counted, no branches: then CPython 3.12 and later trace at next to no cost.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.version_info >= (3, 12):
    os.environ.setdefault("COVERAGE_CORE", "sysmon")
from coverage import Coverage

ROOT = Path(__file__).parents[1]
# The same as a pattern of coverage, which cannot escape what is special in one: the tree may be in a folder "[new]".
_PATTERN = re.sub(r"[][*?]", "?", str(ROOT))
_HERE = Path.cwd()  # of the data, also of xdist's workers
_TESTS = tuple(ROOT / "tests" / name for name in ("core", "executor", "store"))
# Percent of the lines of each part.
FLOORS = {"scheduler/core": 97, "scheduler/store": 95, "podexec": 95}
# These run in the executor's own process only: the tests against the fake agent and on real Mesos show what they do.
_APART = (
    "__main__",
    "agent",
    "checks",
    "driver",
    "http_check",
    "log",
    "loop",
    "slim_imports",
    "transport",
    "worker",
    "zipapp",
)

_coverage = Coverage(
    data_file=str(_HERE / ".coverage"),
    data_suffix=True,
    config_file=False,
    source=[str(ROOT / part) for part in FLOORS],
    omit=[
        *(f"{_PATTERN}/podexec/{part}/*" for part in ("_vendor", "testing")),
        *(f"{_PATTERN}/podexec/{name}.py" for name in _APART),
    ],
)
_coverage.start()  # before anything imports what is measured


def pytest_configure(config: pytest.Config) -> None:
    """Forget earlier runs."""
    if not hasattr(config, "workerinput"):
        for old in _HERE.glob(".coverage*"):
            old.unlink()


def pytest_collection_finish() -> None:
    """All is imported."""
    _coverage.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace the tests of these parts."""
    if not any(folder in item.path.parents for folder in _TESTS):
        return (yield)
    _coverage.start()
    try:
        return (yield)
    finally:
        _coverage.stop()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Save what this process has; the one that the others work for judges all of it."""
    _coverage.stop()
    if session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return  # it was interrupted, or could not begin
    _coverage.save()
    if hasattr(session.config, "workerinput"):
        return
    _coverage.combine([str(_HERE)])
    session.config.stash[_FIGURES] = figures = {part: percent(_coverage, part) for part in FLOORS}
    if session.exitstatus == pytest.ExitCode.OK and below(figures):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the figures."""
    figures = config.stash.get(_FIGURES, {})
    for part, figure in figures.items():
        terminalreporter.write_line(f"coverage of {part}: {figure:.1f} % of the lines, at least {FLOORS[part]} %")
    if below(figures):
        terminalreporter.write_line(
            f"too little of {', '.join(below(figures))} is tested; the lines: .venv/bin/coverage report -m", red=True
        )


_FIGURES = pytest.StashKey[dict[str, float]]()


def percent(coverage: Coverage, part: str) -> float:
    """Of the lines of a part's modules, also those that nothing imported."""
    with Path(os.devnull).open("w") as nowhere:
        return coverage.report(file=nowhere, include=[f"{_PATTERN}/{part}/*"])


def below(figures: dict[str, float]) -> list[str]:
    """The parts that are below their floors."""
    return [part for part, figure in figures.items() if figure < FLOORS[part]]
