"""Waits for a condition, with a deadline and a message of what was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from podexec.testing.errors import TimedOutError

T = TypeVar("T")

DEFAULT_TIMEOUT = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.02, 0.25, 1.3


def wait_for(what: str, probe: Callable[[], T | None], timeout: float = DEFAULT_TIMEOUT) -> T:
    """Call `probe` until its result is true, and return it. Exceptions of the probe are not caught.

    Raises TimedOutError after `timeout` seconds, with `what` and the last result.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        seen = probe()
        if seen:
            return seen
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOutError(f"{what}: not within {timeout:g} s; last seen: {seen!r}")
        time.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
