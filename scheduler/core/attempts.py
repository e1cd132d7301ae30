"""What became of the offers that waiting instances were tried on: the answer to why they still wait.

A round is one try of a demand on the offers there were. Queues whose demands are equal share their rounds, so that ten
thousand pods that do not fit cost one look at each offer.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.model.json import Json

# In the order in which Marathon asks them.
FUNNEL = (
    "UnfulfilledRole",
    "UnfulfilledConstraint",
    "NoCorrespondingReservationFound",
    "AgentMaintenance",
    "InsufficientCpus",
    "InsufficientMemory",
    "InsufficientDisk",
    "InsufficientGpus",
    "InsufficientPorts",
    "DeclinedScarceResources",
)
_ROUNDS_KEPT = 20
_OFFERS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an offer does not fit, under Marathon's names.

    What was asked for and the nearest the offer had.
    """

    reason: str
    asked: str
    offered: str


@dataclass(slots=True)
class Round:
    """One try of a demand on all offers at hand.

    Attributes:
        at: when.
        offers: how many it was tried on.
        launches: how many instances were launched on some of them.
        refusals: by agent id, why the others were not used.
        samples: some of those, whole.
    """

    at: float
    offers: int = 0
    launches: int = 0
    refusals: dict[str, tuple[Refusal, ...]] = field(default_factory=dict)
    samples: dict[str, Json] = field(default_factory=dict)

    def refused(self, agent_id: str, offer: Json, refusals: Sequence[Refusal]) -> None:
        """An offer did not fit."""
        self.offers += 1
        self.refusals[agent_id] = tuple(refusals)
        if len(self.samples) < _OFFERS_KEPT:
            self.samples[agent_id] = offer

    def launched(self, instances: int) -> None:
        """An offer was used."""
        self.offers += 1
        self.launches += instances

    def forget(self, agent_id: str) -> None:
        """Its agent is gone: how near it came is of no interest any more."""
        self.refusals.pop(agent_id, None)
        self.samples.pop(agent_id, None)

    def declined(self) -> Counter[str]:
        """By reason, how many offers it took out of the funnel: an offer falls to the first reason against it."""
        return Counter(
            min((refusal.reason for refusal in refusals), key=FUNNEL.index) for refusals in self.refusals.values()
        )


@dataclass(slots=True)
class Attempt:
    """All tries of one queue since it began to wait.

    Attributes:
        since: when it did.
        declined: by reason, how many offers it took out of the funnel.
        rounds: the last ones, newest last.
    """

    since: float
    offers: int = 0
    last_used_at: float | None = None
    last_unused_at: float | None = None
    declined: Counter[str] = field(default_factory=Counter)
    rounds: deque[Round] = field(default_factory=lambda: deque(maxlen=_ROUNDS_KEPT))

    def add(self, tried: Round) -> None:
        """One more try. The same one counts once."""
        if self.rounds and self.rounds[-1] is tried:
            return
        self.offers += tried.offers
        if tried.launches:
            self.last_used_at = tried.at
        if tried.refusals:
            self.last_unused_at = tried.at
            self.declined.update(tried.declined())
            self.rounds.append(tried)
