"""Starts a scheduler process on a local Mesos, and builds the executor; for ``podexec up``, tests and measurements."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localmesos import Cluster
from localmesos.processes import Process, start
from scheduler.cli.client import Client
from scheduler.cli.errors import CommandError
from scheduler.cli.pythons import executor_python

_START_SECONDS = 30.0
_END_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TAIL_LINES = 30
# Runs a module of this installation, whatever is in the current folder. Not -I: that would also ignore PYTHONPATH and
# the user's site-packages, from which this process may itself have been imported.
_RUN_MODULE = (sys.executable, "-P", "-m")


def build_executor(output: Path) -> Path:
    """Build the executor's zipapp from this installation."""
    python = executor_python()
    command = [*_RUN_MODULE, "podexec.zipapp", "--output", str(output), "--python", python]
    command += ["--bytecode-for", python]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise CommandError(f"cannot build the executor: {built.stderr.strip()}")
    return output


@contextmanager
def default_executor(given: Path | None = None) -> Iterator[Path]:
    """The given file, or the executor built from this installation, which exists as long as the context."""
    with tempfile.TemporaryDirectory(prefix="podexec-") as folder:
        yield given or build_executor(Path(folder, "podexec.pyz"))


class LocalScheduler:
    """One ``podexec scheduler`` with its store and log in a folder; it can be stopped and started again.

    The process is detached: it gets no signals from this terminal, and outlives this process, but not the cluster.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, executor: Path | None, listen: str, name: str = "podexec"
    ) -> None:
        """Nothing is started yet. Without ``executor``, pods run on the agents' default executor."""
        folder.mkdir(parents=True, exist_ok=True)
        self.cluster = cluster
        self.executor = executor
        self.log = folder / f"{name}.log"
        self.client = Client(f"http://{listen}")
        options = {
            "--master": cluster.master,
            "--listen": listen,
            "--store": f"sqlite:///{folder}/{name}.db",
            "--executor": "default" if executor is None else str(executor),
            "--executor-python": executor_python(),
            "--framework-name": name,
            "--mesos-authentication-principal": name,  # owner of the volumes; a local Mesos authenticates nobody
        }
        if cluster.networks:
            options |= {"--default-network-name": cluster.networks[0], "--networks": ",".join(cluster.networks)}
        words = (word for pair in options.items() for word in pair)
        self._command = (*_RUN_MODULE, "scheduler.cli.main", "scheduler", *words)
        self._process: Process | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.alive()

    def start(self) -> None:
        """Start the process; returns when it is registered with Mesos."""
        self._process = start(self._command, {**os.environ, **self.cluster.companion()}, self.log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_subscribed():
            if not self.is_alive or time.monotonic() > deadline:
                how = f"did not subscribe within {_START_SECONDS:g} s" if self.is_alive else "ended"
                raise CommandError(f"the scheduler {how}; the last lines of {self.log}:\n{self.tail()}")
            time.sleep(_POLL_SECONDS)

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send the process a signal; returns when it has ended. Its pods keep running."""
        if self._process is not None and self._process.alive():
            os.kill(self._process.pid, number)
            deadline = time.monotonic() + _END_SECONDS
            while self._process.alive() and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            self._process.kill()
        self._process = None

    def close(self) -> None:
        """Stop it for good."""
        self.end()
        self.client.close()

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])

    def _is_subscribed(self) -> bool:
        try:
            return self.client.info().get("frameworkId") is not None
        except CommandError:
            return False
