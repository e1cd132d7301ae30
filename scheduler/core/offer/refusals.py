"""The reasons why offers did not fit waiting instances: why a pod is pending.

A match round is one attempt to place a demand on the open offers. Queues with equal demands share their rounds, so ten
thousand pods that do not fit cost one look at each offer.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.core.offer.demand import Demand
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json

# In the order in which Marathon checks them.
REASONS = (
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


class Refusal(Frozen):
    """One reason why an offer does not fit.

    Attributes:
        reason: Marathon's name of it.
        asked: the demand.
        offered: the best the offer has instead.
    """

    reason: str
    asked: str
    offered: str


@dataclass(slots=True)
class MatchRound:
    """One attempt to place a demand on all open offers, even if they arrive in several events.

    Attributes:
        at: when it started.
        batch: the number of the last batch of offers that was tried completely; 0: none.
        offers: how many offers were tried.
        launches: how many instances were launched on them.
        refusals: by agent id, why the unused ones do not fit.
        samples: by agent id, some of the unused offers.
        declined: by reason, how many offers it removed from the funnel: only the first reason of an offer counts.
    """

    at: float
    batch: int = 0
    offers: int = 0
    launches: int = 0
    refusals: dict[str, tuple[Refusal, ...]] = field(default_factory=dict)
    samples: dict[str, Json] = field(default_factory=dict)
    declined: Counter[str] = field(default_factory=Counter)

    def refused(self, agent_id: str, offer: Json, refusals: Sequence[Refusal]) -> None:
        """Record that an offer did not fit."""
        self.offers += 1
        self.refusals[agent_id] = tuple(refusals)
        self.declined[min((refusal.reason for refusal in refusals), key=REASONS.index)] += 1
        if len(self.samples) < _OFFERS_KEPT:
            self.samples[agent_id] = offer

    def launched(self, instances: int) -> None:
        """Record that this many instances were launched on an offer."""
        self.offers += 1
        self.launches += instances

    def forget(self, agent_id: str) -> None:
        """Forget the refusals of an agent that is gone."""
        self.refusals.pop(agent_id, None)
        self.samples.pop(agent_id, None)


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums over several rounds."""

    offers: int = 0
    last_used_at: float | None = None
    last_unused_at: float | None = None
    declined: Counter[str] = field(default_factory=Counter)

    def plus(self, tried: MatchRound) -> "_Sums":
        """The sums with one more round."""
        return _Sums(
            self.offers + tried.offers,
            tried.at if tried.launches else self.last_used_at,
            tried.at if tried.refusals else self.last_unused_at,
            self.declined + tried.declined,
        )


@dataclass(slots=True)
class QueueHistory:
    """All match rounds of one queue since it started to wait.

    Attributes:
        since: when it started to wait.
        rounds: the last ones in which an offer was refused, newest last.
    """

    since: float
    rounds: deque[MatchRound] = field(default_factory=lambda: deque(maxlen=_ROUNDS_KEPT))
    _last: MatchRound | None = None  # which may get more offers
    _before: _Sums = field(default_factory=_Sums)  # of all others

    def add(self, tried: MatchRound) -> None:
        """Add a round. The same round counts once, even if it is added several times."""
        if tried is not self._last:
            self._before = self._sums
            self._last = tried
        if tried.refusals and not (self.rounds and self.rounds[-1] is tried):
            self.rounds.append(tried)

    @property
    def offers(self) -> int:
        """How many offers were tried."""
        return self._sums.offers

    @property
    def declined(self) -> Counter[str]:
        """By reason, how many offers it removed from the funnel."""
        return self._sums.declined

    @property
    def last_used_at(self) -> float | None:
        """When an offer was last used."""
        return self._sums.last_used_at

    @property
    def last_unused_at(self) -> float | None:
        """When an offer was last refused."""
        return self._sums.last_unused_at

    @property
    def _sums(self) -> _Sums:
        return self._before if self._last is None else self._before.plus(self._last)


@dataclass(slots=True)
class MatchProgress:
    """The progress of matching the open offers.

    Attributes:
        exhausted: by demand, the rounds in which no offer fitted since there were none, newest last.
        exhausted_queues: the same by queue, for demands that cannot be shared.
        batch: the number of the event in which the last offers arrived.
        since: when the first of the last events arrived, if several followed each other at once.
        more: how many offers are about to follow.
        is_cut_short: whether queues are left that were not tried on all offers, because a turn launched all it may.
        decline_waits: whether there is a deadline for the offers that are held.
    """

    exhausted: dict[Demand, deque[MatchRound]] = field(default_factory=dict)
    exhausted_queues: dict[str, deque[MatchRound]] = field(default_factory=dict)
    batch: int = 0
    since: float = float("-inf")
    more: int = 0
    is_cut_short: bool = False
    decline_waits: bool = False

    def rounds(self, queue: str, demand: Demand) -> Sequence[MatchRound]:
        """The rounds in which no offer fitted a queue, or another one with the same demand; newest last."""
        found = self.exhausted.get(demand) if demand.is_shared else self.exhausted_queues.get(queue)
        return found or ()

    def exhaust(self, queue: str, demand: Demand, tried: MatchRound) -> None:
        """No offer that is left fits."""
        rounds = deque(self.rounds(queue, demand), _ROUNDS_KEPT)
        if not rounds or rounds[-1] is not tried:
            rounds.append(tried)
        if demand.is_shared:
            self.exhausted[demand] = rounds
        else:
            self.exhausted_queues[queue] = rounds

    def forget_agent(self, agent_id: str) -> None:
        """Forget the refusals of an agent that is gone."""
        for rounds in (*self.exhausted.values(), *self.exhausted_queues.values()):
            for each in rounds:
                each.forget(agent_id)

    def forget_rounds(self) -> None:
        """The offers to which the rounds referred are gone."""
        self.exhausted.clear()
        self.exhausted_queues.clear()
