"""The kinds of deadlines, and the queue of pending ones."""

import heapq
from collections.abc import Iterator
from enum import StrEnum


class Due(StrEnum):
    """The kind of a deadline. Its handler checks that it still applies: deadlines are never cancelled."""

    LAUNCHABLE = "launchable"  # key: of a queue; its back-off has elapsed
    ADVANCE = "advance"  # key: pod id; more instances are to be created than one turn may create
    PLACE = "place"  # some open offers were not matched completely
    DECLINE = "decline"  # some open offers have been held for long enough
    REVIVE = "revive"
    LOOKED = "looked"  # what agents offer to roles that nothing waits in was asked for long enough ago
    REVIVE_AGAIN = "revive-again"  # key: stream; no offers came to roles that asked for some
    KILL = "kill"  # key: instance id; repeat its kills
    KILL_ABANDONED = "kill-abandoned"  # key: executor id; repeat the kills of an abandoned launch that turned up
    EXPIRE = "expire"  # key: executor id; an abandoned launch can no longer turn up
    CONFIRM = "confirm"  # key: task id; a status of the launch should have arrived by now
    BEGIN = "begin"  # key: task id; its executor should have started by now
    GIVE_UP = "give-up"  # key: task id; the master has not known it for too long
    REPLACE = "replace"  # key: instance id; unreachable for long enough to be replaced, or expunged
    RESERVE = "reserve"  # key: instance id; its reserved resources should have been offered by now
    DEPLOY = "deploy"  # key: deployment id; it should have finished by now
    INSPECT = "inspect"  # key: pod id; read the output of its failed executors
    RECONCILE = "reconcile"  # key: stream; ask again for the tasks that got no answer
    RECONCILE_ALL = "reconcile-all"  # key: stream; ask for all tasks the master knows
    ARRIVE = "arrive"  # key: stream; ask again for the facts without which the scheduler may not act


class Deadlines:
    """The pending deadlines, ordered by time."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Due, str]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next(self) -> float | None:
        """The time of the earliest deadline; None: there is none."""
        return self._heap[0][0] if self._heap else None

    def set(self, when: float, due: Due, key: str = "") -> None:
        """Add a deadline. Deadlines of the same time expire in the order in which they were set."""
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, due, key))

    def take(self, now: float) -> Iterator[tuple[Due, str]]:
        """Remove and return the expired ones, earliest first."""
        while self._heap and self._heap[0][0] <= now:
            _, _, due, key = heapq.heappop(self._heap)
            yield due, key
