"""Whether instances of a definition would fit on the offers that are held now. Takes nothing."""

import random
from collections.abc import Sequence
from itertools import islice

from scheduler.core.offer.allotment import Match
from scheduler.core.offer.demand import Demand, demand
from scheduler.core.offer.openoffers import OpenOffer
from scheduler.core.offer.refusals import Refusal
from scheduler.core.placement import constraints
from scheduler.core.placement.constraints import ConstraintState
from scheduler.core.placement.matching import Surroundings, match, unfulfilled, unsuitable
from scheduler.core.queues import queue_of
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.records import Pod

NO_OFFERS = "no agent offers resources to its role at this moment"
_MOST_OFFERS = 300  # that are tried
_MOST_INSTANCES = 1000  # that are placed
_MOST_PLACED = 5000  # of a pod with constraints: each of its instances has to be looked at


class Fit(Frozen):
    """How many instances would fit.

    Attributes:
        asked: how many were to be placed.
        placed: how many of them fit; None: not known.
        agents: how many agents were tried.
        refusals: of each agent that has no room for one more, why.
        unknown: why it is not known.
    """

    asked: int
    placed: int | None
    agents: int = 0
    refusals: tuple[Sequence[Refusal], ...] = ()
    unknown: str = ""


def fit(world: World, pod: Pod, definition: PodDefinition, count: int, wall: float) -> Fit:
    """Whether this many more instances of a pod fit; ``definition``: the one that it has then."""
    asked = demand(definition, world.settings)
    if asked.volumes:
        return Fit(count, None, unknown="whether an agent has room for new volumes is known only at the launch")
    if asked.constraints and sum(world.placed.get(pod.id, {}).values()) > _MOST_PLACED:
        return Fit(count, None, unknown="the pod has too many instances to try its constraints")
    mine = (each for each in world.volatile.offers.values() if each.role == definition.role)
    held = list(islice(mine, _MOST_OFFERS))
    if not held:
        return _of_last_round(world, pod, asked, count)
    placing = _Placing(world, pod, definition, asked, held, wall)
    placed = placing.place(min(count, _MOST_INSTANCES))
    if placed == _MOST_INSTANCES < count:
        return Fit(count, None, len(held), unknown=f"{placed} of them would fit; more were not tried")
    return Fit(count, placed, len(held), tuple(placing.refusals.values()))


def _of_last_round(world: World, pod: Pod, asked: Demand, count: int) -> Fit:
    """What is known without offers: why the last ones did not fit a pod that asked for the same."""
    rounds = world.volatile.match_progress.rounds(queue_of(pod), asked)
    if rounds and rounds[-1].refusals:
        return Fit(count, 0, len(rounds[-1].refusals), tuple(rounds[-1].refusals.values()))
    return Fit(count, None, unknown=NO_OFFERS)


class _Placing:
    """Places instances one by one on copies of the offers, evenly."""

    def __init__(
        self, world: World, pod: Pod, definition: PodDefinition, asked: Demand, held: Sequence[OpenOffer], wall: float
    ) -> None:
        self.refusals: dict[str, Sequence[Refusal]] = {}  # by offer
        self._world = world
        self._definition = definition
        self._asked = asked
        self._held = held
        self._wall = wall
        self._source = random.Random(0)
        self._taken: dict[str, Match] = {}
        self._state = ConstraintState(
            definition, constraints.placed(world, pod.id, pod.config_version), (each.agent for each in held)
        )

    def place(self, count: int) -> int:
        """Place up to this many; returns how many fit."""
        placed, left = 0, list(self._held)
        while left and placed < count:
            fitting = []
            for each in left:
                if placed == count:
                    break
                refused = self._refusals(each)
                if refused:
                    self.refusals[each.id] = refused
                else:
                    placed += 1
                    fitting.append(each)
            left = fitting
        return placed

    def _refusals(self, each: OpenOffer) -> list[Refusal]:
        """Place one more on an offer, or say why not."""
        world = self._world
        refused = unfulfilled(self._state, each.agent)
        taken = self._taken.get(each.id)
        if not refused and (taken is None or not taken.again()):
            volatile = world.volatile
            around = Surroundings(volatile.isolators.get(each.agent_id), volatile.connection.region, self._wall)
            ledger = each.ledger if taken is None else taken.rest
            refused = unsuitable(self._asked, world.settings, each.offer, ledger, each.agent, around)
            outcome = match(self._definition, self._asked, ledger, self._source)
            if isinstance(outcome, Match):
                self._taken[each.id] = outcome
            else:
                refused += outcome
        if not refused:
            self._state.add(each.agent)
        return refused
