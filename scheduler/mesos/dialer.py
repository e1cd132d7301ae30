"""Decides which master to try next, and when. Pure policy: from the last outcome it derives an address and a pause.

Pauses are random, grow with every failure in a row, and are bounded; only a granted subscription ends the row. A
redirect is followed at once, but only a few in a row.
"""

import random
from collections.abc import Sequence

from scheduler.mesos.address import Address

_MAX_REDIRECTS = 5


class Dialer:
    """Tries the known masters in turn; ``leads`` replaces them by the leader found in ZooKeeper."""

    def __init__(self, masters: Sequence[Address], first_pause: float, longest_pause: float) -> None:
        self._masters = list(masters)
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._redirect: Address | None = None
        self._redirects = 0
        self._failures = 0
        self._failures_before = 0  # the subscription

    def target(self) -> Address | None:
        """The master to try now; None: none is known."""
        return self._redirect or (self._masters[0] if self._masters else None)

    def leads(self, master: Address | None) -> None:
        """A detector found this leader; None: there is none."""
        self._masters = [] if master is None else [master]
        self._redirect = None
        self._redirects = self._failures = 0

    def redirected(self, to: Address) -> float:
        """The master redirected to another one; returns the seconds to wait before trying that."""
        self._redirect = to
        self._redirects += 1
        return 0.0 if self._redirects <= _MAX_REDIRECTS else self.failed()

    def failed(self) -> float:
        """The attempt failed, or the stream ended; returns the seconds to wait before the next attempt."""
        if self._redirect is not None:
            self._redirect = None
        else:
            self._masters = self._masters[1:] + self._masters[:1]
        pause = min(self._longest_pause, self._first_pause * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return random.uniform(pause / 2, pause)

    def subscribed(self) -> None:
        """The master granted the subscription."""
        self._failures_before = self._failures
        self._redirects = self._failures = 0

    def useless(self, held: float) -> float:
        """The subscription was abandoned after this many seconds, and the next one may be as useless."""
        if held < self._longest_pause:
            self._failures = self._failures_before
        return self.failed()
