"""The clock of the event loop: it advances evenly, even if the system's clock is set."""

import time
from collections.abc import Callable

# Unlike CLOCK_MONOTONIC it also advances while the machine is suspended.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TOLERANCE = 1.0  # seconds; reading two clocks takes a while on a busy machine


def steady() -> float:
    """Seconds on a clock that cannot be set."""
    return time.clock_gettime(_STEADY)


class Clock:
    """Seconds since the epoch, correct at the start and advancing evenly from there."""

    def __init__(
        self,
        start: float | None = None,
        skew: float = 0.0,
        *,
        steady: Callable[[], float] = steady,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``start``: the time now, by default the wall clock's. ``skew``: by how much wall time was last ahead."""
        self._steady = steady
        self._wall = wall
        self._origin = (wall() if start is None else start) - steady()
        self._skew = skew

    def now(self) -> float:
        """The time."""
        return self._origin + self._steady()

    def was_set(self) -> float | None:
        """By how much wall time is ahead now, if the system's clock was set since the last call; None: it was not."""
        skew = self._wall() - self.now()
        if abs(skew - self._skew) <= _TOLERANCE:
            return None
        self._skew = skew
        return skew
