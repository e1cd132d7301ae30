"""Values read from files, and read again when these change: credentials and certificates are renewed at run time."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
_LOOK_EVERY = 1.0
_log = structlog.get_logger("scheduler.files")


class FromFiles(Generic[T]):
    """The value that ``make`` returns. Thread-safe. ``make`` raises OSError or ValueError for unusable files: the
    constructor raises these too, later the last good value is kept.
    """

    def __init__(self, files: Sequence[Path], make: Callable[[], T]) -> None:
        self._files = files
        self._make = make
        self._lock = threading.Lock()
        self._seen = self._look()
        self._seen_at = time.monotonic()
        self._value = make()

    def get(self, *, now: bool = False) -> T:
        """The value as of the last second, or as of ``now``."""
        with self._lock:
            if now or time.monotonic() - self._seen_at > _LOOK_EVERY:
                self._seen_at = time.monotonic()
                self._renew()
            return self._value

    def _renew(self) -> None:
        try:
            seen = self._look()
            if seen != self._seen:
                self._value = self._make()
                self._seen = seen
                _log.info("files reloaded", files=[str(file) for file in self._files])
        except (OSError, ValueError) as error:
            _log.warning("files cannot be reloaded, keeping their previous contents", error=str(error))

    def _look(self) -> list[tuple[int, int, int]]:
        return [(seen.st_mtime_ns, seen.st_ino, seen.st_size) for seen in (file.stat() for file in self._files)]
