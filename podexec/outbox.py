"""Status updates that the agent has not acknowledged yet.

Owns their order and when each is to be sent (again): at most one update per task is in flight, and the next follows its
acknowledgement. It sends nothing itself. Safe to use from any thread.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Final

Json = dict[str, Any]

# The agent acknowledges an update as soon as it is on its disk: later than this, the update or the answer is lost. It
# recognises duplicates by their uuid.
RESEND_AFTER: Final = 5.0
RETRY_AFTER: Final = 0.5


class _Update:
    __slots__ = ("not_before", "status")

    def __init__(self, status: Json) -> None:
        self.status = status
        self.not_before = 0.0


class Outbox:
    """Queue of updates by uuid, in the order in which they were added."""

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
        """All updates, oldest first, as SUBSCRIBE lists them."""
        with self._changed:
            return [update.status for update in self._updates.values()]

    def sent(self, statuses: list[Json]) -> None:
        """Note that these were sent: send them again if no acknowledgement arrives."""
        self._postpone(statuses, RESEND_AFTER)

    def refused(self, status: Json) -> None:
        """Note that the agent was unreachable or not ready: send the update again soon."""
        self._postpone([status], RETRY_AFTER)

    def _postpone(self, statuses: list[Json], delay: float) -> None:
        with self._changed:
            for status in statuses:
                update = self._updates.get(status["uuid"])
                if update is not None:
                    update.not_before = time.monotonic() + delay

    def wait_due(self, timeout: float) -> list[Json]:
        """The updates to send now, one per task. Waits up to ``timeout`` seconds for the first."""
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
        """Make :meth:`wait_due` return early, with whatever is due."""
        with self._changed:
            self._changed.notify_all()
