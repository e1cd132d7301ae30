"""How a benchmark and what it started come to an end, whatever ends it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# In front of a command: the kernel ends the program with the benchmark, even if that is killed.
ENDING_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
# Also Ctrl-C's own, which shells have ignored in what they run in the background.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Treat SIGTERM and a lost terminal like Ctrl-C, so that processes and clusters are removed."""
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore these signals and Ctrl-C: half of what is being removed would stay."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
