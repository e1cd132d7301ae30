"""Runs podexec with its event loop watched from inside: ``python -m bench.watched FILE WORDS``.

A timer of the loop itself is due every few milliseconds. Whenever it comes late, the file gets a line: the time
(``time.monotonic()``), the seconds it was late, in which the loop did nothing else, and the CPU seconds of the loop's
thread since the timer came last. On a busy machine the thread also waits for a core; its CPU time does not.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from scheduler.cli.main import main as podexec

_EVERY_SECONDS = 0.005
_NOTED_SECONDS = 0.005  # shorter holds are not noted


@dataclass(frozen=True, slots=True)
class Hold:
    """Seconds for which a loop did one thing only, and the CPU seconds of its thread meanwhile."""

    seconds: float
    cpu: float


class WatchedLoops(asyncio.DefaultEventLoopPolicy):
    """Makes event loops that note in a file when they are held."""

    def __init__(self, notes: TextIO) -> None:
        super().__init__()
        self._notes = notes

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make a loop whose timer starts with it. It is for the thread that makes it."""
        loop = super().new_event_loop()
        loop.call_soon(self._come, loop, loop.time(), time.thread_time())
        return loop

    def _come(self, loop: asyncio.AbstractEventLoop, due: float, cpu: float) -> None:
        now, used = loop.time(), time.thread_time()
        if now - due >= _NOTED_SECONDS:
            self._notes.write(f"{now:.6f} {now - due:.6f} {used - cpu:.6f}\n")
        loop.call_at(now + _EVERY_SECONDS, self._come, loop, now + _EVERY_SECONDS, used)


def longest_hold(notes: str, begin: float, end: float) -> Hold:
    """The most seconds and CPU seconds of the holds that overlap an interval; 0 if none was long enough to be noted."""
    seconds, cpu = 0.0, 0.0
    for line in notes.splitlines():
        ended, late, used = map(float, line.split())
        if ended >= begin and ended - late <= end:
            seconds, cpu = max(seconds, late), max(cpu, used)
    return Hold(seconds, cpu)


def main() -> None:
    """Run podexec with the remaining words of the command line."""
    file, *words = sys.argv[1:]
    sys.argv = ["podexec", *words]
    with Path(file).open("a", buffering=1) as notes:
        asyncio.set_event_loop_policy(WatchedLoops(notes))
        podexec()


if __name__ == "__main__":
    main()
