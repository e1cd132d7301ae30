"""The time that the loop tells the core: it advances evenly, whatever sets the system's clock."""

import time
from collections.abc import Callable

# Unlike CLOCK_MONOTONIC it also advances while the machine is suspended, as everything out there does.
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TOLERANCE = 1.0  # seconds; reading two clocks takes a while on a busy machine


def steady() -> float:
    """Seconds on a clock that nobody sets."""
    return time.clock_gettime(_STEADY)


class Clock:
    """Seconds since the epoch as they were at the start, and evenly on from there."""

    def __init__(
        self,
        start: float | None = None,
        skew: float = 0.0,
        *,
        steady: Callable[[], float] = steady,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """``start``: the time now, by default the wall clock's. ``skew``: by how much wall time was ahead last."""
        self._steady = steady
        self._wall = wall
        self._origin = (wall() if start is None else start) - steady()
        self._skew = skew

    def now(self) -> float:
        """The time."""
        return self._origin + self._steady()

    def was_set(self) -> float | None:
        """How far wall time is ahead now, if the system's clock was set since this was last asked; None: it was not."""
        skew = self._wall() - self.now()
        if abs(skew - self._skew) <= _TOLERANCE:
            return None
        self._skew = skew
        return skew
