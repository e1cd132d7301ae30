"""One server process of a host: started, ended in several ways, and started again when it ends by itself."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from tests.faults.cluster.history import History

# As a unit with Restart=always and RestartSec=1.
_PAUSE_SECONDS = 1.0
_END_SECONDS = 15.0
_LONGEST_LINE = 400


class Server:
    """A server and, from start to start, its processes. Not thread-safe."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        variables: Mapping[str, str],
        log: Path,
        history: History,
        enter: Sequence[str] = (),
    ) -> None:
        """Nothing is started yet.

        ``words``: its command line, also for further starts, which no other server has. ``enter``: a command that
        executes it, where it is to run.
        """
        self.name = name
        self.log = log
        self._words, self._enter = list(words), list(enter)
        self._variables, self._history = dict(variables), history
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._next_start = 0.0

    @property
    def pid(self) -> int | None:
        """The pid of the process that runs, if one does."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, **variables: str) -> None:
        """Start it, unless it runs; it is started again when it ends. ``variables``: for this start only."""
        self._wanted = True
        if self.pid is None:
            self._end_unfinished_forks()
            with self.log.open("ab") as output:
                self._process = subprocess.Popen(
                    [*self._enter, *self._words],
                    env=self._variables | variables,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._history.add("started", server=self.name, pid=self._process.pid)

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it, and leave it so. One that does not obey is killed."""
        self._wanted = False
        if self._process is None:
            return
        self.signal(how)
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._note_end(wanted=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def tend(self) -> None:
        """Start it again if it has ended by itself, after a pause."""
        if self._process is not None and self.pid is None:
            self._note_end(wanted=not self._wanted)
            self._next_start = time.monotonic() + _PAUSE_SECONDS
        if self._wanted and self._process is None and time.monotonic() >= self._next_start:
            self.start()

    def _end_unfinished_forks(self) -> None:
        """Kill what the last process had forked and what had not become another program when it was ended.

        Such a child of a Mesos agent waits for its parent forever, and keeps the agent's port.
        """
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cmdline() == self._words:
                    process.kill()

    def _note_end(self, *, wanted: bool) -> None:
        assert self._process is not None
        code, self._process = self._process.returncode, None
        self._history.add("ended", server=self.name, code=code, wanted=wanted, why=self.last_line())

    def last_line(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1][:_LONGEST_LINE] if lines else ""
