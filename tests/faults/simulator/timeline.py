"""Time, and what happens when."""

import heapq
from collections.abc import Callable


class Timeline:
    """Runs what was scheduled, in order of time; what has the same time in the order in which it was scheduled.

    Attributes:
        now: seconds since the start.
        events: how many have happened.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Schedule something."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + seconds, self._count, act))

    def step(self) -> None:
        """Let the next thing happen. IndexError: nothing is scheduled."""
        at, _, act = heapq.heappop(self._heap)
        self.now = at
        self.events += 1
        act()
