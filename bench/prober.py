"""A client that asks an API for next to nothing every few milliseconds, to see from outside how long it is held.

It is a process of its own (``python -m bench.prober PORT``), which no work of the benchmark delays. It ends when its
standard input does, and then prints the start (of ``time.monotonic()``) and the seconds of each request as JSON.
"""

import json
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from types import TracebackType

from bench.ending import ENDING_WITH_US
from bench.loopback import Loopback

_PATH = "/ping"
_INTERVAL_SECONDS = 0.005
_END_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Probe:
    """One cheap request: when it was sent, and the seconds until its answer."""

    sent_at: float
    seconds: float


class Prober:
    """A context manager that probes an API; ``probes`` are known after its end."""

    def __init__(self, port: int) -> None:
        command = [*ENDING_WITH_US, sys.executable, "-m", "bench.prober", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.probes: list[Probe] = []

    def __enter__(self) -> "Prober":
        assert self._process.stdout is not None
        self._process.stdout.readline()  # the first answer
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is not None:
                self._process.kill()
            printed, _ = self._process.communicate(timeout=_END_SECONDS)
            if kind is None:
                self.probes = [Probe(*each) for each in json.loads(printed)]
        finally:
            self._process.kill()
            self._process.communicate()

    def seconds(self) -> list[float]:
        """Seconds of each request."""
        return [probe.seconds for probe in self.probes]


def main() -> None:
    """Probe until the standard input ends."""
    api = Loopback(int(sys.argv[1]))
    api.ask("GET", _PATH)
    print(flush=True)
    probes: list[tuple[float, float]] = []
    while not probes or not select.select([sys.stdin], [], [], _INTERVAL_SECONDS)[0]:
        began = time.monotonic()
        api.ask("GET", _PATH)
        probes.append((began, time.monotonic() - began))
    json.dump(probes, sys.stdout)


if __name__ == "__main__":
    main()
