"""Status updates that the agent has not acknowledged yet.

Owns their order and when each is to be sent (again): at most one update of a task is under way, the next follows its
acknowledgement. It sends nothing itself. Safe to use from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

Json = dict[str, Any]

# The agent acknowledges as soon as the update is on its disk; what takes longer is lost, and it knows
# duplicates by their uuid.
RESEND_AFTER: Final = 5.0
RETRY_AFTER: Final = 0.5


class _Update:
    __slots__ = ("not_before", "status")

    def __init__(self, status: Json) -> None:
        self.status = status
        self.not_before = 0.0


class Outbox:
    """The queue, by uuid in the order the updates were made."""

    def __init__(self) -> None:
        self._updates: dict[str, _Update] = {}
        self._changed = threading.Condition()

    def __len__(self) -> int:
        with self._changed:
            return len(self._updates)

    def add(self, status: Json) -> None:
        with self._changed:
            self._updates[status["uuid"]] = _Update(status)
            self._changed.notify_all()

    def acknowledged(self, uuid: str) -> None:
        with self._changed:
            self._updates.pop(uuid, None)
            self._changed.notify_all()

    def pending(self) -> list[Json]:
        """All of them, oldest first, as SUBSCRIBE wants them."""
        with self._changed:
            return [update.status for update in self._updates.values()]

    def sent(self, statuses: list[Json]) -> None:
        """The agent has these; send them again if their acknowledgement does not come."""
        self._postpone(statuses, RESEND_AFTER)

    def refused(self, status: Json) -> None:
        """The agent was not there or not ready."""
        self._postpone([status], RETRY_AFTER)

    def _postpone(self, statuses: list[Json], delay: float) -> None:
        with self._changed:
            for status in statuses:
                update = self._updates.get(status["uuid"])
                if update is not None:
                    update.not_before = time.monotonic() + delay

    def wait_due(self, timeout: float) -> list[Json]:
        """The updates to send now, one a task; waits for the first up to ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                now = time.monotonic()
                first: dict[str, _Update] = {}
                for update in self._updates.values():
                    first.setdefault(update.status["task_id"]["value"], update)
                due = [update.status for update in first.values() if update.not_before <= now]
                if due or now >= deadline:
                    return due
                self._changed.wait(min([deadline, *(update.not_before for update in first.values())]) - now)

    def wake(self) -> None:
        """End a :meth:`wait_due` early, with whatever is due."""
        with self._changed:
            self._changed.notify_all()
