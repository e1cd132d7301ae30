"""Whatever ends a benchmark ends what it started, too."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.ending import signals_as_interrupts, undisturbed

_PATIENCE = 60.0
_PATIENCE_AT_THE_START = 150.0  # the first benchmark on a machine compiles the simulated master
_PROGRAMS = ("mesos-simulator", "scheduler.cli.main")


def _started_by(benchmark: psutil.Process) -> list[psutil.Process]:
    """The simulated master and the scheduler of a benchmark."""
    found = []
    for process in benchmark.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(program in " ".join(process.cmdline()) for program in _PROGRAMS):
                found.append(process)
    return found


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_benchmark_takes_its_processes_with_it(tmp_path: Path, number: int, status: int) -> None:
    words = ("posts", "--pods", "100000", "--agents", "20", "--folder", str(tmp_path))
    with (
        subprocess.Popen([sys.executable, "-m", "bench", *words], stdout=subprocess.PIPE, text=True) as benchmark,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(benchmark.kill)  # or, had an assertion failed, its end would be awaited
        deadline = time.monotonic() + _PATIENCE_AT_THE_START
        started: list[psutil.Process] = []
        while len(started) < len(_PROGRAMS):
            assert time.monotonic() < deadline, f"of {_PROGRAMS} it has started {started}"
            assert benchmark.poll() is None
            started = _started_by(psutil.Process(benchmark.pid))
            time.sleep(0.02)
        benchmark.send_signal(number)
        printed, _ = benchmark.communicate(timeout=_PATIENCE)
        assert benchmark.returncode == status
    _, alive = psutil.wait_procs(started, timeout=_PATIENCE)
    assert not alive
    assert "Traceback" not in printed


def test_signals_mean_an_interrupt_only_meanwhile() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), signals_as_interrupts():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_removal_is_not_interrupted() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals_as_interrupts(), undisturbed():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.raise_signal(number)
    assert signal.getsignal(signal.SIGINT) is before
