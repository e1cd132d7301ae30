"""What this process knows of the election, and how up to date its world is: the API's view of several schedulers."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from scheduler.api.leadership import EndingError

CATCH_UP = 1.0  # seconds for which a client of a standby waits until it can read here what it has changed


class Standing:
    """The ``Leadership`` of a process, through all its terms. Belongs to its asyncio loop."""

    def __init__(self, own: str) -> None:
        """``own``: the URL of its API."""
        self.own = own
        self.leads = self._ends = False
        self._applied = -1  # the number of the last commit in a standby's world
        self._schedulers: tuple[str, ...] = ()
        self._position: Callable[[], int] | None = None  # of the store that it follows or writes
        self._current_at: float | None = None  # when its world was last known to have every commit
        self._changed = asyncio.Event()  # set, and replaced, at every change

    # ------------------------------------------------------------------ for the API

    @property
    def leader(self) -> str | None:
        """The URL of the leader's API."""
        return self._schedulers[0] if self._schedulers else None

    @property
    def schedulers(self) -> tuple[str, ...]:
        """The URLs of all schedulers, the leader's first."""
        return self._schedulers

    @property
    def position(self) -> int | None:
        """The number of the last commit, if it leads."""
        return None if self._position is None else self._position()

    async def leaves(self, leader: str | None) -> None:
        """Return when the elected one is no longer this one, or is this process and leads. Raises EndingError."""
        while self.leader == leader and not (self.leads and leader == self.own):
            if self._ends:
                raise EndingError
            await self._changed.wait()

    async def reached(self, position: int) -> None:
        """Return when the commit of this number is in its world, or was not for a while."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP):
                while self._applied < position:
                    await self._changed.wait()

    def staleness(self) -> float | None:
        """How many seconds old its world is at most; None: it has none yet."""
        if self._current_at is None:
            return None
        return 0.0 if self.leads else time.monotonic() - self._current_at

    # ------------------------------------------------------------------ for the process

    def found(self, schedulers: tuple[str, ...]) -> None:
        """The election has these schedulers now, the leader first."""
        self._schedulers = schedulers
        self._notify()

    def applied(self, position: int, current_at: float | None) -> None:
        """A standby's world has this commit; ``current_at``: when there was no later one; None: not known."""
        self._applied = position
        if current_at is not None:
            self._current_at = current_at
        self._notify()

    def led(self, position: Callable[[], int]) -> None:
        """This process leads now. ``position``: the number of the last commit."""
        self.leads, self._position = True, position
        self._notify()

    def end(self) -> None:
        """The process ends: nobody waits for a leader any longer."""
        self._ends = True
        self._notify()

    def forget(self) -> None:
        """The world is no longer kept up to date, and nothing is known of the election."""
        self.leads = False
        self._applied = -1
        self._schedulers, self._position, self._current_at = (), None, None
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
