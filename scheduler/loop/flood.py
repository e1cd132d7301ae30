"""Limits the offers per pass, so that passes of the event loop stay short.

The cost of an offer depends on the number of different demands, which only the core knows. So the first pass takes a
few, and the next ones as many as the duration of the last one allows. A rescission stays behind its offer.
"""

from collections import deque
from collections.abc import Iterator

from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.model.json import Json

FIRST, FEWEST, MOST = 100, 4, 1000  # offers in a pass
PASS_SECONDS = 0.02


class Flood:
    """The waiting offers, and how many of them the next pass takes."""

    def __init__(self) -> None:
        self._line: deque[Json | OfferRescinded] = deque()
        self._waiting = 0  # offers
        self._to_come = 0  # offers that the connection has not decoded yet
        self._most = FIRST
        self._taken = 0  # in this pass

    def __len__(self) -> int:
        return len(self._line)

    def add(self, event: OffersReceived | OfferRescinded) -> None:
        """Add an event to the waiting ones."""
        if isinstance(event, OfferRescinded):
            self._line.append(event)
        else:
            self._line.extend(event.offers)
            self._waiting += len(event.offers)
            self._to_come = event.more

    def clear(self) -> None:
        """Forget all waiting events: no offer outlives the connection on which it came."""
        self._line.clear()
        self._waiting = 0

    def take(self) -> Iterator[OffersReceived | OfferRescinded]:
        """The events for one pass, in order."""
        self._taken = 0
        offers: list[Json] = []
        while self._line and self._taken < self._most:
            each = self._line.popleft()
            if not isinstance(each, OfferRescinded):
                offers.append(each)
                self._taken += 1
                self._waiting -= 1
                continue
            if offers:
                yield OffersReceived(tuple(offers), more=self._waiting + self._to_come)
                offers = []
            yield each
        if offers:
            yield OffersReceived(tuple(offers), more=self._waiting + self._to_come)

    def pass_ended(self, seconds: float) -> None:
        """The pass took this long."""
        if not self._line:
            self._most = FIRST  # by the next time the demands may have changed
        elif self._taken:
            each = max(seconds, 0.0) / self._taken
            most = min(2 * self._most, MOST)
            self._most = most if each * most <= PASS_SECONDS else max(FEWEST, int(PASS_SECONDS / each))
