"""The offers that are held: what is left of each, and in which order a pod's instances go to their agents.

Instances of a pod are spread: each goes to an agent that has fewest of them; where many wait, each offer gets its share
of them in one go. Or they are packed: each goes to the agent that has least left.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scheduler.core.offer import agents
from scheduler.core.offer.disks import Disks
from scheduler.core.offer.resources import Ledger
from scheduler.core.settings import PlacementPolicy
from scheduler.model.json import Json
from scheduler.model.records import Agent


@dataclass(slots=True, eq=False)
class OpenOffer:
    """An offer that is held, and what it is used for so far. Its contents are read when they are first asked for.

    ``batch``: the number of the event that it came in.
    """

    id: str
    offer: Json
    role: str
    agent_id: str
    batch: int
    operations: list[Json] = field(default_factory=list)
    disks: Disks | None = None  # what is left of them, once volumes were made
    _agent: Agent | None = None
    _ledger: Ledger | None = None

    @classmethod
    def of(cls, offer: Json, batch: int = 0) -> "OpenOffer":
        """An offer as Mesos wrote it."""
        return cls(offer["id"]["value"], offer, offer["allocation_info"]["role"], offer["agent_id"]["value"], batch)

    @property
    def ledger(self) -> Ledger:
        """What is left of it."""
        if self._ledger is None:
            self._ledger = Ledger(self.offer)
        return self._ledger

    def use(self, operation: Json, rest: Ledger) -> None:
        """One more instance is launched on it."""
        self.operations.append(operation)
        self._ledger = rest

    @property
    def agent(self) -> Agent:
        """Who offers."""
        if self._agent is None:
            self._agent = agents.of_offer(self.offer)
        return self._agent


class OfferQueue:
    """The open offers of a role, in the order in which agents are to be considered.

    ``more``: how many follow at once. Until they are there each offer takes its share and no more, or those that came
    first would take what is to be spread over all.
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
        """The candidates for the instances of one pod, of which so many are on each agent."""
        return BySpread(self.offers, 0 if self._packs else self._first, {} if self._packs else here)

    def share(self, waiting: int) -> int:
        """How many of so many instances an offer should take in one go."""
        return waiting if self._packs else max(1, waiting // (len(self.offers) + self._more))

    @property
    def take_more(self) -> bool:
        """Whether an offer that took its share may take another."""
        return self._packs or not self._more

    def since(self, batch: int) -> "OfferQueue":
        """Those that came after a batch."""
        if not batch:
            return self
        if batch not in self._since:
            policy = PlacementPolicy.PACK if self._packs else PlacementPolicy.SPREAD
            self._since[batch] = OfferQueue([each for each in self.offers if each.batch > batch], policy, self._more)
        return self._since[batch]

    def used(self, each: OpenOffer) -> None:
        """The next pod begins with the next agent."""
        if not self._packs and self.offers[self._first] is each:
            self._first = (self._first + 1) % len(self.offers)

    def agents(self) -> Iterator[Agent]:
        """Who offers."""
        return (each.agent for each in self.offers)


class BySpread:
    """Gives the candidate whose agent has fewest instances of a pod, without a look at those behind it."""

    def __init__(self, offers: list[OpenOffer], first: int, here: Mapping[str, int]) -> None:
        self._offers = offers
        self._here = here
        self._empty = iter(range(first, first + len(offers)))
        self._heap: list[tuple[int, int]] = []

    def next(self) -> tuple[int, int, OpenOffer] | None:
        """(instances there, place in the order, offer)."""
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
        """The candidate may be asked again; it has so many now."""
        heapq.heappush(self._heap, (there, place))
