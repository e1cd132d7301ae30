"""Offers come in; launches and refusals go out.

An offer is made to one role, and used only for pods of that role: Mesos refuses others. Only so much is launched in
one turn, so that a flood of offers and instances holds up nothing else; what is left of the offers is held for the
next turn, which follows at once. Those that are of no use to anything that waits are declined.

Instances of a pod are spread: each goes to a fitting agent that has fewest of them; where many wait, each offer gets
its share of them in one go.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from scheduler.core import agents, backoff, constraints, ids
from scheduler.core.attempts import Attempt, Refusal, Round
from scheduler.core.constraints import Placement
from scheduler.core.demand import Demand
from scheduler.core.disks import Disks
from scheduler.core.effects import Accept, Decline
from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.core.matching import Surroundings, match, unfulfilled, unsuitable
from scheduler.core.residents import Home, Residents, no_reservation
from scheduler.core.resources import Ledger, Match
from scheduler.core.settings import PlacementPolicy
from scheduler.core.turn import Turn
from scheduler.core.world import Due, World
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Instance, Task

LAUNCHES_PER_TURN = 100


def received(turn: Turn, event: OffersReceived) -> None:
    """Launch what fits, give the rest back."""
    world = turn.world
    world.offers.update((offer["id"]["value"], offer) for offer in event.offers)
    world.exhausted.clear()
    place(turn)


def rescinded(turn: Turn, event: OfferRescinded) -> None:
    """An offer that is held is held no more."""
    turn.world.offers.pop(event.offer_id, None)


def place(turn: Turn) -> None:
    """Launch on the offers that are held."""
    world = turn.world
    if not world.offers:
        return
    _Placing(turn).run()


@dataclass(slots=True, eq=False)
class _Open:
    """An offer of this turn, and what it is used for so far. Its contents are read when they are first asked for."""

    offer: Json
    role: str
    agent_id: str
    operations: list[Json] = field(default_factory=list)
    disks: Disks | None = None  # what is left of them, once volumes were made
    _agent: Agent | None = None
    _ledger: Ledger | None = None

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

    def agent(self, world: World) -> Agent:
        """Who offers."""
        if self._agent is None:
            self._agent = world.agent(agents.of_offer(self.offer))
        return self._agent


class _Placing:
    """One turn's launches."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self._world = turn.world
        self._left = LAUNCHES_PER_TURN
        self._residents: Residents[_Open] | None = None
        self._offers = [
            _Open(offer, offer["allocation_info"]["role"], offer["agent_id"]["value"])
            for offer in turn.world.offers.values()
        ]

    def run(self) -> None:
        """Launch from every queue that may be launched from, then answer the offers that are used or of no use."""
        if self._world.freeing:
            self.residents.free()
        launchable = self._world.launchable
        for role in list(launchable):
            mine = _Candidates([each for each in self._offers if each.role == role], self._world)
            for queue in list(launchable.get(role, ())) if mine else ():
                if self._left <= 0:
                    break
                self._launch_from(queue, mine)
                if self._left <= 0 and queue in launchable.get(role, ()):
                    launchable[role][queue] = launchable[role].pop(queue)  # the others come first next time
        self._answer()

    def _launch_from(self, queue: str, candidates: "_Candidates") -> None:
        world = self._world
        definition = _definition_of(world, queue)
        demand = world.demand(definition)
        kind = queue if demand.constraints or demand.volumes else demand
        tried = world.exhausted.get(kind)
        if tried is None:
            tried = Round(self.turn.now)
            launches = _ResidentQueue if demand.volumes else _Queue
            launches(self, queue, definition, demand, candidates, tried).launch(self._left)
            self._left -= tried.launches
            if queue in world.waiting and self._left > 0:
                world.exhausted[kind] = tried
        if queue in world.waiting:
            world.attempts.setdefault(queue, Attempt(self.turn.now)).add(tried)

    @property
    def residents(self) -> Residents[_Open]:
        """What the offers keep for instances: only where some have volumes does anybody look for it."""
        if self._residents is None:
            self._residents = Residents(self.turn, self._offers)
        return self._residents

    def _answer(self) -> None:
        turn, world = self.turn, self._world
        finished = self._left > 0
        refuse = world.settings.decline_offer_duration
        unused = []
        for each in self._offers:
            offer_id = each.offer["id"]["value"]
            if each.operations:
                # What is left of it may come back at once if something still waits that it might fit.
                turn.ask(Accept(offer_id, tuple(each.operations), 0.0 if each.role in world.launchable else refuse))
                del world.offers[offer_id]
            elif finished:
                unused.append(offer_id)
                del world.offers[offer_id]
        if unused:
            turn.ask(Decline(tuple(unused), refuse))
        if not finished:
            world.at(turn.now, Due.PLACE)


class _Candidates:
    """The open offers of a role, in the order in which agents are to be considered."""

    def __init__(self, offers: list[_Open], world: World) -> None:
        self.offers = offers
        self._packs = world.settings.placement is PlacementPolicy.PACK
        self._first = 0
        if self._packs:
            self.offers.sort(key=lambda each: each.ledger.most("cpus"))

    def __len__(self) -> int:
        return len(self.offers)

    def line(self, here: Mapping[str, int]) -> "_Line":
        """The candidates for the instances of one pod, of which so many are on each agent."""
        return _Line(self.offers, 0 if self._packs else self._first, {} if self._packs else here)

    def share(self, waiting: int) -> int:
        """How many of so many instances an offer should take in one go."""
        return waiting if self._packs else max(1, waiting // len(self.offers))

    def used(self, each: _Open) -> None:
        """The next pod begins with the next agent."""
        if not self._packs and self.offers[self._first] is each:
            self._first = (self._first + 1) % len(self.offers)

    def agents(self, world: World) -> Iterator[Agent]:
        """Who offers."""
        return (each.agent(world) for each in self.offers)


class _Line:
    """Gives the candidate whose agent has fewest instances of a pod, without a look at those behind it."""

    def __init__(self, offers: list[_Open], first: int, here: Mapping[str, int]) -> None:
        self._offers = offers
        self._here = here
        self._empty = iter(range(first, first + len(offers)))
        self._heap: list[tuple[int, int]] = []

    def next(self) -> tuple[int, int, _Open] | None:
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


class _Queue:
    """The launches of one queue in one turn."""

    def __init__(
        self,
        placing: _Placing,
        queue: str,
        definition: PodDefinition,
        demand: Demand,
        candidates: _Candidates,
        tried: Round,
    ) -> None:
        self._turn = turn = placing.turn
        world = turn.world
        self._definition = definition
        self._launcher = world.launcher(definition)
        self._demand = demand
        self._candidates = candidates
        self._tried = tried
        self._waiting = deque(world.waiting[queue])
        self._line = candidates.line(world.placed.get(definition.id, {}))
        self._placement = Placement(
            definition,
            constraints.placed(world, definition.id, queue.rpartition("@")[2]),
            candidates.agents(world),
        )

    def launch(self, most: int) -> None:
        """Launch as many as fit, up to a number."""
        share = self._candidates.share(len(self._waiting))
        set_aside: list[tuple[int, int, _Open, list[Refusal]]] = []
        while self._waiting and self._tried.launches < most:
            if self._candidates.share(len(self._waiting)) == 1:
                share = 1  # the last ones go one by one, or some agent would get two shares
            candidate = self._line.next()
            if candidate is None:
                break
            there, place, each = candidate
            launched, refusals = self._launch_on(each, min(share, most - self._tried.launches))
            if launched:
                self._tried.launched(launched)
                self._candidates.used(each)
                for aside in set_aside:  # where instances are is no longer what it was
                    self._line.back(aside[0], aside[1])
                set_aside.clear()
                self._line.back(there + launched, place)
            elif self._placement.may_relent and _is_of_constraints(refusals):
                set_aside.append((there, place, each, refusals))
            else:
                self._refuse(each, refusals)
        for _, _, each, refusals in set_aside:
            self._refuse(each, refusals)

    def _refuse(self, each: _Open, refusals: list[Refusal]) -> None:
        if not each.operations:
            self._tried.refused(each.agent_id, each.offer, refusals)

    def _launch_on(self, each: _Open, most: int) -> tuple[int, list[Refusal]]:
        """Launch up to so many on an offer; why not more."""
        turn, world = self._turn, self._turn.world
        agent = each.agent(world)
        around = Surroundings(world.isolators.get(agent.id), world.connection.region, turn.now)
        refusals = unsuitable(self._demand, world.settings, each.offer, each.ledger, agent, around)
        launched = 0
        while not refusals and launched < most and self._waiting:
            if len(each.operations) >= world.settings.max_instances_per_offer:
                break
            refusals = unfulfilled(self._placement, agent)
            outcome = self._fit(each)
            if isinstance(outcome, Match) and not refusals:
                each.use(self._launch_one(world.instances[self._waiting.popleft()], each, outcome), outcome.rest)
                self._placement.add(agent)
                launched += 1
            elif not isinstance(outcome, Match):
                refusals += outcome
        return launched, refusals

    def _fit(self, each: _Open) -> Match | list[Refusal]:
        """What the next instance would take of an offer."""
        return match(self._definition, self._demand, each.ledger, self._turn.world.random)

    def _launch_one(self, waiting: Instance, on: _Open, taken: Match) -> Json:
        """Record the launch and give its operation."""
        turn, world = self._turn, self._turn.world
        instance = placed(waiting, self._definition, on.agent(world), taken, turn.now)
        turn.put(instance)
        backoff.began(turn, instance)
        world.at(turn.now + world.settings.task_launch_confirm_timeout, Due.CONFIRM, instance.tasks[0].id)
        turn.note(
            "debug",
            "launching",
            pod_id=instance.pod_id,
            instance_id=instance.id,
            agent_id=on.agent_id,
            offer_id=on.offer["id"]["value"],
        )
        return self._launcher.launch_group(instance, on.offer, taken)


class _ResidentQueue(_Queue):
    """The launches of instances with volumes: on those they have, or on new ones."""

    def __init__(
        self,
        placing: _Placing,
        queue: str,
        definition: PodDefinition,
        demand: Demand,
        candidates: _Candidates,
        tried: Round,
    ) -> None:
        super().__init__(placing, queue, definition, demand, candidates, tried)
        self._config_version = queue.rpartition("@")[2]
        self._residents = placing.residents

    def launch(self, most: int) -> None:
        """First those that have some: no other place will do for them."""
        refusals: dict[str, list[Refusal]] = {}
        waiting, self._waiting = self._waiting, deque()
        for instance_id in waiting:
            if self._tried.launches < most and not self._launch_at_home(instance_id, refusals):
                self._waiting.append(instance_id)
        super().launch(most)
        for each in self._candidates.offers:
            if each.agent_id not in self._tried.refusals:
                self._refuse(each, refusals.get(each.agent_id) or [no_reservation(self._demand)])

    def _launch_at_home(self, instance_id: str, refusals: dict[str, list[Refusal]]) -> bool:
        """Whether the instance has volumes. It is launched on them, or why not is added to the refusals."""
        world = self._turn.world
        instance = world.instances[instance_id]
        others = constraints.placed(world, instance.pod_id, self._config_version, but=instance_id)
        placement = Placement(self._definition, others, self._candidates.agents(world))
        for each, outcome in self._residents.at_home(instance, self._definition, self._demand, placement):
            if isinstance(outcome, Match):
                each.use(self._launch_one(instance, each, outcome), outcome.rest)
                self._placement.add(each.agent(world))
                self._tried.launched(1)
                return True
            refusals[each.agent_id] = outcome
        return world.instances[instance_id].reservation is not None

    def _fit(self, each: _Open) -> Match | list[Refusal]:
        waiting = self._turn.world.instances[self._waiting[0]]
        return self._residents.settle(waiting, self._definition, self._demand, each)

    def _launch_one(self, waiting: Instance, on: _Open, taken: Match) -> Json:
        if isinstance(taken, Home):
            on.operations.extend(taken.first)
            on.disks = taken.disks or on.disks
            waiting = replace(waiting, reservation=taken.reservation)
        return super()._launch_one(waiting, on, taken)


def _definition_of(world: World, queue: str) -> PodDefinition:
    """What the instances of a queue are launched as: the newest definition of their configuration."""
    first = world.instances[next(iter(world.waiting[queue]))]
    pod = world.pods[first.pod_id]
    if first.config_version == pod.config_version:
        return world.current(pod)
    return world.definition(first.pod_id, first.version)


def _is_of_constraints(refusals: list[Refusal]) -> bool:
    return all(refusal.reason == "UnfulfilledConstraint" for refusal in refusals)


def placed(waiting: Instance, definition: PodDefinition, agent: Agent, taken: Match, now: float) -> Instance:
    """A waiting instance as it is once it has a place: its next incarnation, with the ids Mesos will know it by."""
    incarnation = waiting.incarnation + 1
    return replace(
        waiting,
        version=definition.version or "",
        incarnation=incarnation,
        since=now,
        agent=agent,
        executor_id=ids.executor_id(waiting.id, incarnation),
        host_ports=taken.host_ports,
        tasks=tuple(
            Task(
                id=ids.task_id(waiting.id, container.name, incarnation),
                container=container.name,
                condition=Condition.PROVISIONED,
                staged_at=now,
                since=now,
            )
            for container in definition.containers
        ),
    )
