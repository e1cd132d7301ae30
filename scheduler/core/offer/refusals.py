"""What became of the offers that waiting instances were tried on: the answer to why they still wait.

A round is one try of a demand on the offers there were. Queues whose demands are equal share their rounds, so that ten
thousand pods that do not fit cost one look at each offer.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.core.offer.demand import Demand
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
class MatchRound:
    """One try of a demand on all offers at hand, also where those come in several events.

    Attributes:
        at: when it began.
        batch: the number of the last offers that it was tried on to the end; 0: none.
        offers: how many it was tried on.
        launches: how many instances were launched on some of them.
        refusals: by agent id, why the others were not used.
        samples: some of those, whole.
        declined: by reason, how many offers it took out of the funnel: an offer falls to the first reason against it.
    """

    at: float
    batch: int = 0
    offers: int = 0
    launches: int = 0
    refusals: dict[str, tuple[Refusal, ...]] = field(default_factory=dict)
    samples: dict[str, Json] = field(default_factory=dict)
    declined: Counter[str] = field(default_factory=Counter)

    def refused(self, agent_id: str, offer: Json, refusals: Sequence[Refusal]) -> None:
        """An offer did not fit."""
        self.offers += 1
        self.refusals[agent_id] = tuple(refusals)
        self.declined[min((refusal.reason for refusal in refusals), key=FUNNEL.index)] += 1
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


@dataclass(frozen=True, slots=True)
class _Sums:
    """What rounds come to together."""

    offers: int = 0
    last_used_at: float | None = None
    last_unused_at: float | None = None
    declined: Counter[str] = field(default_factory=Counter)

    def plus(self, tried: MatchRound) -> "_Sums":
        """With one more."""
        return _Sums(
            self.offers + tried.offers,
            tried.at if tried.launches else self.last_used_at,
            tried.at if tried.refusals else self.last_unused_at,
            self.declined + tried.declined,
        )


@dataclass(slots=True)
class QueueHistory:
    """All tries of one queue since it began to wait.

    Attributes:
        since: when it did.
        rounds: the last ones in which an offer was refused, newest last.
    """

    since: float
    rounds: deque[MatchRound] = field(default_factory=lambda: deque(maxlen=_ROUNDS_KEPT))
    _last: MatchRound | None = None  # more offers may yet come into it
    _before: _Sums = field(default_factory=_Sums)  # of all others

    def add(self, tried: MatchRound) -> None:
        """One more try. The same one counts once, however often it is added."""
        if tried is not self._last:
            self._before = self._sums
            self._last = tried
        if tried.refusals and not (self.rounds and self.rounds[-1] is tried):
            self.rounds.append(tried)

    @property
    def offers(self) -> int:
        """How many it was tried on."""
        return self._sums.offers

    @property
    def declined(self) -> Counter[str]:
        """By reason, how many offers it took out of the funnel."""
        return self._sums.declined

    @property
    def last_used_at(self) -> float | None:
        """When an offer was used last."""
        return self._sums.last_used_at

    @property
    def last_unused_at(self) -> float | None:
        """When an offer was refused last."""
        return self._sums.last_unused_at

    @property
    def _sums(self) -> _Sums:
        return self._before if self._last is None else self._before.plus(self._last)


@dataclass(slots=True)
class MatchProgress:
    """How far the offers that are held were tried.

    Attributes:
        exhausted: by demand, or by queue where its demand is like no other: the round in which none of them fitted.
        batch: the number of the event that the last of them came in.
        more: how many follow at once.
    """

    exhausted: dict[Demand | str, MatchRound] = field(default_factory=dict)
    batch: int = 0
    more: int = 0
