"""The keys of an issuer as they are now: read again when they may have changed, without holding the event loop."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from scheduler.access.jwks import Key, keys_of

_MOST_WITHOUT_KID = 10  # keys that are tried for a token that does not name one
_log = structlog.get_logger("scheduler.access")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a JWK set comes from.

    Attributes:
        name: for messages.
        read: returns the set; called in a thread. Raises OSError or ValueError.
        fresh: seconds for which it is used without another look.
        pause: seconds between two looks for a key that is not in it.
        is_file: whether it is on this machine.
    """

    name: str
    read: Callable[[], bytes]
    fresh: float
    pause: float
    is_file: bool = False


class Keyring:
    """Belongs to one event loop. The last good keys stay in use while the source fails."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Read the source now. Raises OSError or ValueError."""
        self._keys = keys_of(self._source.read())
        self._read_at = self._tried_at = self._clock()

    async def candidates(self, kid: str | None, algorithm: str) -> list[Key]:
        """The keys that may have signed a token that names this key, or none, and this algorithm."""
        now = self._clock()
        found = self._matching(kid, algorithm)
        if now - self._read_at >= self._source.fresh or not found:
            if self._reading is None and now - self._tried_at >= self._source.pause:
                self._tried_at = now
                self._reading = asyncio.create_task(self._read())
            if self._reading is not None and not found:
                await asyncio.shield(self._reading)
                found = self._matching(kid, algorithm)
        return found

    def _matching(self, kid: str | None, algorithm: str) -> list[Key]:
        fitting = [each for each in self._keys if algorithm in each.algorithms and kid in (None, each.kid)]
        return fitting[:_MOST_WITHOUT_KID]

    async def _read(self) -> None:
        try:
            self._keys = await asyncio.to_thread(lambda: keys_of(self._source.read()))
            self._read_at = self._clock()
        except (OSError, ValueError) as error:
            _log.warning(
                "cannot read the keys of an issuer, using those it had",
                source=self._source.name,
                keys=len(self._keys),
                error=str(error),
            )
        finally:
            self._reading = None
