"""Which master to call next, and when. Pure policy: told what happened, it answers with an address and a pause.

Pauses are random, grow with every failure in a row and stay below a bound; only a subscription that was granted ends
the row. A redirect is followed at once, but only so many in a row.
"""

import random
from collections.abc import Sequence

from scheduler.mesos.address import Address

_MAX_REDIRECTS = 5


class Dialer:
    """Tries the known masters in turn; ``leads`` replaces them by the one that ZooKeeper names."""

    def __init__(self, masters: Sequence[Address], first_pause: float, longest_pause: float) -> None:
        self._masters = list(masters)
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._redirect: Address | None = None
        self._redirects = 0
        self._failures = 0
        self._failures_before = 0  # the subscription

    def target(self) -> Address | None:
        """The master to call now; None: none is known."""
        return self._redirect or (self._masters[0] if self._masters else None)

    def leads(self, master: Address | None) -> None:
        """A detector found the leader, or that there is none."""
        self._masters = [] if master is None else [master]
        self._redirect = None
        self._redirects = self._failures = 0

    def redirected(self, to: Address) -> float:
        """The master named another; gives the seconds to wait before calling that one."""
        self._redirect = to
        self._redirects += 1
        return 0.0 if self._redirects <= _MAX_REDIRECTS else self.failed()

    def failed(self) -> float:
        """The call, or the stream, ended; gives the seconds to wait before the next."""
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
        """The subscription had to be given up after so many seconds, which may well happen to the next too."""
        if held < self._longest_pause:
            self._failures = self._failures_before
        return self.failed()
