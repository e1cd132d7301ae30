"""The open offers: the resources left in each, and the order in which a pod's instances are placed on their agents.

Instances of a pod are spread: each is placed on an agent with the fewest of them; if many are waiting, each offer gets
its share at once. Or they are packed: each is placed on the agent with the least left.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scheduler.core.effects import Operation
from scheduler.core.offer import agents
from scheduler.core.offer.disks import Disks
from scheduler.core.offer.resources import Ledger
from scheduler.core.settings import PlacementPolicy
from scheduler.model.json import Json
from scheduler.model.records import Agent


@dataclass(slots=True, eq=False)
class OpenOffer:
    """An open offer, and its use so far. Its contents are parsed when they are first needed.

    ``since``: when it arrived; ``batch``: the number of the event.
    """

    id: str
    offer: Json
    role: str
    agent_id: str
    since: float
    batch: int
    operations: list[Operation] = field(default_factory=list)
    disks: Disks | None = None  # those left, once volumes are created
    _agent: Agent | None = None
    _ledger: Ledger | None = None

    @classmethod
    def of(cls, offer: Json, since: float, batch: int = 0) -> "OpenOffer":
        """Wrap an offer of Mesos."""
        role = offer["allocation_info"]["role"]
        return cls(offer["id"]["value"], offer, role, offer["agent_id"]["value"], since, batch)

    @property
    def ledger(self) -> Ledger:
        """The resources left in it."""
        if self._ledger is None:
            self._ledger = Ledger(self.offer)
        return self._ledger

    def use(self, operation: Operation, rest: Ledger) -> None:
        """Launch one more instance on it; ``rest``: what is left then."""
        self.operations.append(operation)
        self._ledger = rest

    @property
    def agent(self) -> Agent:
        """The agent of the offer."""
        if self._agent is None:
            self._agent = agents.of_offer(self.offer)
        return self._agent


class OfferQueue:
    """The open offers of a role, in the order in which agents are considered.

    ``more``: how many are about to follow. Until they arrive each offer takes only its share, or else the first ones
    would take instances that should be spread over all.
    """

    def __init__(self, offers: list[OpenOffer], policy: PlacementPolicy, more: int = 0) -> None:
        self.offers = offers
        self._packs = policy is PlacementPolicy.PACK
        self._more = more
        self._first = 0
        self._since: dict[int, OfferQueue] = {}
        if self._packs:
            self.offers.sort(key=lambda each: each.ledger.most("cpus"))

    def __len__(self) -> int:
        return len(self.offers)

    def by_spread(self, here: Mapping[str, int]) -> "BySpread":
        """The candidates for the instances of one pod. ``here``: how many of them are on each agent."""
        return BySpread(self.offers, 0 if self._packs else self._first, {} if self._packs else here)

    def share(self, waiting: int) -> int:
        """How many of the waiting instances an offer should take at once."""
        return waiting if self._packs else max(1, waiting // (len(self.offers) + self._more))

    @property
    def take_more(self) -> bool:
        """Whether an offer that took its share may take another."""
        return self._packs or not self._more

    def since(self, batch: int) -> "OfferQueue":
        """The offers that arrived after a batch."""
        if not batch:
            return self
        if batch not in self._since:
            policy = PlacementPolicy.PACK if self._packs else PlacementPolicy.SPREAD
            self._since[batch] = OfferQueue([each for each in self.offers if each.batch > batch], policy, self._more)
        return self._since[batch]

    def used(self, each: OpenOffer) -> None:
        """Start with the next agent for the next pod."""
        if not self._packs and self.offers[self._first] is each:
            self._first = (self._first + 1) % len(self.offers)

    def agents(self) -> Iterator[Agent]:
        """The agents of the offers."""
        return (each.agent for each in self.offers)


class BySpread:
    """Yields the candidate whose agent has the fewest instances of a pod, looking at as few others as possible."""

    def __init__(self, offers: list[OpenOffer], first: int, here: Mapping[str, int]) -> None:
        self._offers = offers
        self._here = here
        self._empty = iter(range(first, first + len(offers)))
        self._heap: list[tuple[int, int]] = []

    def next(self) -> tuple[int, int, OpenOffer] | None:
        """The next candidate: (instances there, position in the order, offer)."""
        for position in self._empty:
            place = position % len(self._offers)
            there = self._here.get(self._offers[place].agent_id, 0)
            if not there:
                return 0, place, self._offers[place]
            heapq.heappush(self._heap, (there, place))
        if not self._heap:
            return None
        there, place = heapq.heappop(self._heap)
        return there, place, self._offers[place]

    def back(self, there: int, place: int) -> None:
        """Put a candidate back, which now has ``there`` instances."""
        heapq.heappush(self._heap, (there, place))
