"""Runs podexec with its event loop watched from inside: ``python -m bench.watched FILE WORDS``.

A timer of the loop itself is due every few milliseconds. Whenever it comes late, the time (``time.monotonic()``) and
the seconds it was late go to the file: for that long, the loop did nothing else.
"""

import asyncio
import sys
from pathlib import Path
from typing import TextIO

from scheduler.cli.main import main as podexec

_EVERY_SECONDS = 0.005
_NOTED_SECONDS = 0.005  # shorter holds are not noted


class WatchedLoops(asyncio.DefaultEventLoopPolicy):
    """Makes event loops that note in a file when they are held."""

    def __init__(self, notes: TextIO) -> None:
        super().__init__()
        self._notes = notes

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Make a loop whose timer starts with it."""
        loop = super().new_event_loop()
        loop.call_soon(self._come, loop, loop.time())
        return loop

    def _come(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        if now - due >= _NOTED_SECONDS:
            self._notes.write(f"{now:.6f} {now - due:.6f}\n")
        loop.call_at(now + _EVERY_SECONDS, self._come, loop, now + _EVERY_SECONDS)


def longest_hold(notes: str, begin: float, end: float) -> float:
    """Seconds of the longest hold that overlaps the interval; 0 if none was long enough to be noted."""
    lines = notes.splitlines()
    ended_and_late = [(float(ended), float(late)) for ended, late in map(str.split, lines)]
    return max((late for ended, late in ended_and_late if ended >= begin and ended - late <= end), default=0.0)


def main() -> None:
    """Run podexec with the remaining words of the command line."""
    file, *words = sys.argv[1:]
    sys.argv = ["podexec", *words]
    with Path(file).open("a", buffering=1) as notes:
        asyncio.set_event_loop_policy(WatchedLoops(notes))
        podexec()


if __name__ == "__main__":
    main()
