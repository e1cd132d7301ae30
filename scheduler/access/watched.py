"""The principals file as it is now: compiled again when it changes, without holding the event loop."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from scheduler.access import file
from scheduler.access.directory import Directory
from scheduler.access.principals import PrincipalsError

_LOOK_EVERY = 1.0
_Version = tuple[int, ...] | None  # None: there is no file
_log = structlog.get_logger("scheduler.access")


class WatchedDirectory:
    """Belongs to one event loop. The last good contents stay in use while the file is missing or cannot be used.

    Raises OSError or PrincipalsError if it cannot be used at first.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        principals, seen = file.load(path)
        self._current = Directory(principals)
        self._seen: _Version = file.version(seen)
        self._looked_at = clock()
        self._reloading: asyncio.Task[None] | None = None

    @property
    def current(self) -> Directory:
        """The contents as of the last second or two."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_EVERY and self._reloading is None:
            self._looked_at = now
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                self._reloading = asyncio.create_task(self._reload())
        return self._current

    def _look(self) -> _Version:
        try:
            return file.version(self._path.stat())
        except OSError:
            return None

    async def _reload(self) -> None:
        try:
            self._current = await asyncio.to_thread(lambda: Directory(file.load(self._path)[0]))
        except (OSError, PrincipalsError) as error:
            _log.error(
                "principals cannot be reloaded, keeping the previous ones", file=str(self._path), error=str(error)
            )
        else:
            _log.info("principals reloaded", file=str(self._path))
        finally:
            self._reloading = None
