"""Offers on their way to the core: few enough at a time that a turn of the loop stays short.

What an offer costs is how many different demands wait, which only the core knows. So the first turn takes a few, and
the next ones as many as the last ones' time allows. A rescinded offer is told of after the offer, as it came.
"""

from collections import deque
from collections.abc import Iterator

from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.model.json import Json

FIRST, FEWEST, MOST = 100, 10, 1000  # offers in a turn
TURN_SECONDS = 0.05


class Flood:
    """The offers that wait, and how many of them the next turn takes."""

    def __init__(self) -> None:
        self._line: deque[Json | OfferRescinded] = deque()
        self._waiting = 0  # offers
        self._most = FIRST
        self._taken = 0  # in this turn

    def __len__(self) -> int:
        return len(self._line)

    def add(self, event: OffersReceived | OfferRescinded) -> None:
        """Have an event wait."""
        if isinstance(event, OfferRescinded):
            self._line.append(event)
        else:
            self._line.extend(event.offers)
            self._waiting += len(event.offers)

    def clear(self) -> None:
        """Forget what waits: no offer outlives the connection that it came on."""
        self._line.clear()
        self._waiting = 0

    def take(self) -> Iterator[OffersReceived | OfferRescinded]:
        """What one turn should see of it, in order."""
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
                yield OffersReceived(tuple(offers), more=self._waiting)
                offers = []
            yield each
        if offers:
            yield OffersReceived(tuple(offers), more=self._waiting)

    def turned(self, seconds: float) -> None:
        """The turn took this long."""
        if not self._line:
            self._most = FIRST  # by the next time something else may wait
        elif self._taken:
            each = max(seconds, 0.0) / self._taken
            most = min(2 * self._most, MOST)
            self._most = most if each * most <= TURN_SECONDS else max(FEWEST, int(TURN_SECONDS / each))
