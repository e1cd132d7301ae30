"""The measured programs as processes: starts them, reads their costs from outside, and ends them."""

import json
import signal
import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path
from types import TracebackType

import psutil

from bench.ending import ENDING_WITH_US
from bench.loopback import Loopback
from bench.simulator import Simulator
from bench.watched import Hold, longest_hold
from scheduler.model.json import Json
from tests.ports import free_port

_START_SECONDS = 600.0  # a large store is read before the API answers
_END_SECONDS = 60.0
_POLL_SECONDS = 0.02
_QUIET_SECONDS, _QUIET_SHARE = 0.5, 0.05
_QUIET_PATIENCE_SECONDS = 120.0
_TAIL_BYTES = 3000
_SCHEDULED = 2  # CPUCLOCK_SCHED: makes the id of a process' CPU clock from its pid
MEGABYTE = 1 << 20


class Measured:
    """A process and its costs."""

    def __init__(self, command: list[str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*ENDING_WITH_US, *command], stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
        self._log = log
        self._seen = psutil.Process(self._process.pid)

    @property
    def pid(self) -> int:
        """Pid, for external tools."""
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeError with the end of its log if it has ended."""
        if self._process.poll() is not None:
            tail = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
            raise RuntimeError(f"the process ended with status {self._process.returncode}; the end of its log:\n{tail}")

    def cpu_seconds(self) -> float:
        """CPU time of all threads, including ended ones and time in the kernel."""
        return time.clock_gettime(~self.pid << 3 | _SCHEDULED)

    def wait_until_quiet(self, beside: float = 0.0) -> None:
        """Return when it is idle, or after a time limit. ``beside``: cores that it uses anyway, for being probed."""
        deadline = time.monotonic() + _QUIET_PATIENCE_SECONDS
        used = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(_QUIET_SECONDS)
            before, used = used, self.cpu_seconds()
            if used - before <= (_QUIET_SHARE + beside) * _QUIET_SECONDS:
                return

    def memory(self) -> int:
        """Resident memory in bytes."""
        return int(self._seen.memory_info().rss)

    def peak_memory(self) -> int:
        """Peak of its resident memory in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and wait for its end."""
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Scheduler(Measured):
    """A `podexec scheduler` with these options, else the defaults, and its store in a folder, made if necessary.

    A context manager that kills it. With ``watched``, its event loop is watched from inside. ``token``: for its API.
    ``store``: its URL, if it is not in the folder.
    """

    def __init__(
        self,
        simulator: Simulator,
        folder: Path,
        *options: str,
        watched: bool = False,
        token: str | None = None,
        store: str | None = None,
    ) -> None:
        port = free_port()
        folder.mkdir(exist_ok=True)
        self._notes = folder / "holds"
        program = ["-m", "bench.watched", str(self._notes)] if watched else ["-P", "-m", "scheduler.cli.main"]
        command = [sys.executable, *program, "scheduler", "--master", simulator.address]
        command += ["--listen", f"127.0.0.1:{port}", "--store", store or f"sqlite:///{folder}/podexec.db", *options]
        self.started_at = time.monotonic()
        self.api = Loopback(port, token=token)
        self.port = port
        self._simulator = simulator
        self._subscriptions = simulator.stats().subscriptions
        super().__init__(command, folder / "podexec.log")

    def __enter__(self) -> "Scheduler":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.api.close()
        self.end()

    def wait_until_subscribed(self) -> float:
        """Wait until its API answers and it is subscribed. Returns the seconds since its start."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_subscribed():
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the scheduler did not subscribe within {_START_SECONDS:g} s")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - self.started_at

    def longest_hold(self, begin: float, end: float) -> Hold:
        """The longest holds of its event loop in an interval of ``time.monotonic()``, if it is watched."""
        return longest_hold(self._notes.read_text(), begin, end)

    def post(self, definition: Json) -> None:
        """Create a pod."""
        self.api.ask("POST", "/v2/pods", definition)

    def put(self, definition: Json) -> None:
        """Update a pod."""
        self.api.ask("PUT", f"/v2/pods{definition['id']}", definition)

    def _is_subscribed(self) -> bool:
        if self._simulator.stats().subscriptions == self._subscriptions:
            return False
        try:
            return json.loads(self.api.ask("GET", "/v2/info")).get("frameworkId") is not None
        except (OSError, HTTPException):
            return False


class Bare(Measured):
    """The bare pymesos scheduler. A context manager that kills it."""

    def __init__(self, simulator: Simulator, pods: int, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__([sys.executable, "-m", "bench.bare", simulator.address, str(pods)], folder / "bare.log")

    def __enter__(self) -> "Bare":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
