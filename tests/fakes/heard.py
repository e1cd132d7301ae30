"""What a fake heard, on whatever thread: the test waits for it with a deadline."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE = 20.0


class Heard(Generic[T]):
    """What was heard so far, by any thread; the test waits for more."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._changed = threading.Condition()

    def add(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def add_all(self, items: Iterable[T]) -> None:
        for item in items:
            self.add(item)

    def all(self) -> list[T]:
        with self._changed:
            return list(self._items)

    def wait_for(self, satisfied: Callable[[list[T]], object], what: str) -> list[T]:
        """All that was heard, as soon as it satisfies; looked at when something is heard, and now and then besides."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not satisfied(self._items):
                assert time.monotonic() < deadline, f"{what}: not within {PATIENCE} s; heard {self._items}"
                self._changed.wait(0.02)
            return list(self._items)

    def wait_for_count(self, count: int, what: str) -> list[T]:
        return self.wait_for(lambda items: len(items) >= count, what)
