"""Forks of this process that run some of the collected tests, until one fails."""

import contextlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Seconds by the clock are no measure on a busy machine; they only end what waits for ever.
_PATIENCE = 900.0
_FAILED = 1
# The exit code of a fork that could not do its work.
BROKEN = 70


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork that was started.

    Attributes:
        pid: its process, and its group.
        until: when it is killed.
        log: the file that says what failed in it.
    """

    pid: int
    until: float
    log: Path

    def ended(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        if time.monotonic() > self.until:
            os.killpg(self.pid, signal.SIGKILL)
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        with contextlib.suppress(ProcessLookupError):  # what it left behind
            os.killpg(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def fork(work: Callable[[], None], folder: Path) -> Fork:
    """Do the work in a fork, whose temporary files are in a folder of its own."""
    folder.mkdir()
    log = folder / "log"
    pid = os.fork()
    if pid:
        return Fork(pid, time.monotonic() + _PATIENCE, log)
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(BROKEN)


def run(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """Run tests one after the other; yields each before it runs. The first that fails ends this process."""
    before: pytest.Item | None = None
    for item in items:
        if before is not None:
            _run(before, item)
        yield item
        before = item
    if before is not None:
        _run(before, None)


def limit_cpu(seconds: float) -> None:
    """Kill this process once it has used that much more CPU time."""
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, resource.RLIM_INFINITY))


def _run(item: pytest.Item, following: pytest.Item | None) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


class EndOnFailure:
    """A pytest plugin: the first failure ends the process."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of the setup, the call or the teardown of a test."""
        if report.failed:
            os.write(1, f"\n{report.nodeid}\n{report.longreprtext}\n".encode())
            os._exit(_FAILED)
