"""Starts a scheduler process on a local Mesos, and builds the executor; for ``podexec up``, tests and measurements."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from localmesos import Cluster
from localmesos.processes import Process, start
from scheduler.cli.client import Client
from scheduler.cli.errors import CommandError
from scheduler.cli.executor_file import build_zipapp, packaged
from scheduler.cli.pythons import executor_python

_START_SECONDS = 30.0
_END_SECONDS = 20.0
_POLL_SECONDS = 0.05
_TAIL_LINES = 30
# Runs a module of this installation, whatever is in the current folder. Not -I: that would also ignore PYTHONPATH and
# the user's site-packages, from which this process may itself have been imported.
RUN_MODULE = (sys.executable, "-P", "-m")


def build_executor(output: Path) -> Path:
    """Build the executor's zipapp from this installation, for the Python of this machine's agents."""
    python = executor_python()
    return build_zipapp(output, python, bytecode_for=python)


def local_executor(folder: Path) -> Path:
    """The executor of this installation in a folder that its agents can read: the static one, else a zipapp."""
    static = packaged()
    if static is None:
        return build_executor(folder / "podexec.pyz")
    return Path(shutil.copy(static, folder / static.name))


@contextmanager
def default_executor(given: Path | None = None) -> Iterator[Path]:
    """The given file, or the executor of this installation, which exists as long as the context."""
    with tempfile.TemporaryDirectory(prefix="podexec-") as folder:
        yield given or local_executor(Path(folder))


class SchedulerProcess:
    """One ``podexec scheduler`` with its store and log in a folder; it can be stopped and started again.

    The process is detached: it gets no signals from this terminal, and outlives this process.
    """

    def __init__(
        self,
        master: str,
        folder: Path,
        listen: str,
        name: str = "podexec",
        *,
        executor: str,
        executor_python: str,
        options: Sequence[str] = (),
        variables: Mapping[str, str | None] = MappingProxyType({}),
        prefix: Sequence[str] = (),
    ) -> None:
        """Nothing is started yet.

        ``name`` is the framework's, and that of the files. ``options``: further ones of the command. ``variables``: the
        environment's changes; None removes one. ``prefix``: a program that starts the command.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        self.client = Client(f"http://{listen}")
        own = {
            "--master": master,
            "--listen": listen,
            "--store": f"sqlite:///{folder}/{name}.db",
            "--executor": executor,
            "--executor-python": executor_python,
            "--framework-name": name,
        }
        words = (word for pair in own.items() for word in pair)
        self._command = (*prefix, *RUN_MODULE, "scheduler.cli.main", "scheduler", *words, *options)
        self._variables = variables
        self._process: Process | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.alive()

    def start(self) -> None:
        """Start the process; returns when it is registered with Mesos."""
        environment = {name: value for name, value in {**os.environ, **self._variables}.items() if value is not None}
        self._process = start(self._command, environment, self.log)
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


class LocalScheduler(SchedulerProcess):
    """A scheduler on a local cluster, with which it ends."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        executor: Path | None,
        listen: str,
        name: str = "podexec",
        *,
        insecure: bool = False,
    ) -> None:
        """Nothing is started yet. Without ``executor``, pods run on the agents' default executor. ``insecure``: whether
        ``listen`` may be an address that other machines reach.
        """
        super().__init__(
            cluster.master,
            folder,
            listen,
            name,
            executor="default" if executor is None else str(executor),
            executor_python=executor_python(),
            options=[*local_options(cluster, name), *(["--insecure"] if insecure else [])],
            variables=cluster.companion(),
        )
        self.cluster = cluster
        self.executor = executor


def local_options(cluster: Cluster, principal: str) -> list[str]:
    """Options for a scheduler on a local cluster: its networks, and the owner of persistent volumes."""
    options = {"--mesos-authentication-principal": principal}  # a local Mesos authenticates nobody
    if cluster.networks:
        options |= {"--default-network-name": cluster.networks[0], "--networks": ",".join(cluster.networks)}
    return [word for pair in options.items() for word in pair]
