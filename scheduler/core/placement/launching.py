"""The launches of one queue in one turn: its instances are placed on the candidates in order, until none fits."""

from collections import deque
from itertools import islice

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.effects import LaunchGroup
from scheduler.core.facts.story import happening, told
from scheduler.core.launch.written import LaunchWriter, Write
from scheduler.core.lifecycle import arrival, backoff
from scheduler.core.offer.allotment import Match
from scheduler.core.offer.demand import Demand
from scheduler.core.offer.openoffers import OfferQueue, OpenOffer
from scheduler.core.offer.refusals import MatchRound, Refusal
from scheduler.core.placement import constraints
from scheduler.core.placement.constraints import ConstraintState
from scheduler.core.placement.matching import Surroundings, match, unfulfilled, unsuitable
from scheduler.core.placement.residents import Residents, no_reservation
from scheduler.core.turn import Turn
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Agent, Condition, Instance, Task, What

_LONG = 60.0  # seconds that an instance waits before it is remembered
_MOST_OBSTACLES = 3


class QueueLaunch:
    """The launches of one queue in one turn."""

    def __init__(
        self,
        turn: Turn,
        queue: str,
        definition: PodDefinition,
        demand: Demand,
        candidates: OfferQueue,
        tried: MatchRound,
    ) -> None:
        world = turn.world
        self._turn = turn
        self._definition = definition
        self._writer = world.derived(definition, LaunchWriter)
        self._demand = demand
        self._candidates = candidates
        self._tried = tried
        self._queue = queue
        self._queued = world.queues.waiting[queue]
        self._waiting: deque[str] = deque()  # those that this turn may launch, oldest first
        self._behind = 0  # the number of those behind them
        self._line = candidates.by_spread(world.placed.get(definition.id, {}))
        self._may_allow_later = constraints.may_allow_later(definition)
        self._placement = ConstraintState(
            definition,
            constraints.placed(world, definition.id, queue.rpartition("@")[2]),
            candidates.agents(),
        )

    def launch(self, most: int) -> None:
        """Launch as many as fit, until this many were launched in this round."""
        self._waiting.extend(islice(self._queued, most - self._tried.launches))
        self._behind = len(self._queued) - len(self._waiting)
        self._place(most)

    def _place(self, most: int) -> None:
        share = self._candidates.share(len(self._waiting) + self._behind)
        set_aside: list[tuple[int, int, OpenOffer, list[Refusal]]] = []
        while self._waiting and self._tried.launches < most:
            if self._candidates.take_more and self._candidates.share(len(self._waiting) + self._behind) == 1:
                share = 1  # the last ones are placed one by one, or else an agent could get two shares
            candidate = self._line.next()
            if candidate is None:
                break
            there, place, each = candidate
            launched, refusals = self._launch_on(each, min(share, most - self._tried.launches))
            if launched:
                self._tried.launched(launched)
                self._candidates.used(each)
                for aside in set_aside:  # the distribution of instances has changed
                    self._line.back(aside[0], aside[1])
                set_aside.clear()
                if self._candidates.take_more:
                    self._line.back(there + launched, place)
            elif self._may_allow_later and _is_of_constraints(refusals):
                set_aside.append((there, place, each, refusals))
            else:
                self._refuse(each, refusals)
        for _, _, each, refusals in set_aside:
            self._refuse(each, refusals)

    def _refuse(self, each: OpenOffer, refusals: list[Refusal]) -> None:
        if not each.operations:
            self._tried.refused(each.agent_id, each.offer, refusals)

    def _launch_on(self, each: OpenOffer, most: int) -> tuple[int, list[Refusal]]:
        """Launch up to this many on an offer: the number launched, and why not more."""
        turn, world = self._turn, self._turn.world
        agent = each.agent
        around = Surroundings(world.volatile.isolators.get(agent.id), world.volatile.connection.region, turn.wall)
        refusals = unsuitable(self._demand, world.settings, each.offer, each.ledger, agent, around)
        launched = 0
        taken: Match | None = None
        while not refusals and launched < most and self._waiting:
            if len(each.operations) >= world.settings.max_instances_per_offer:
                break
            refusals = unfulfilled(self._placement, agent)
            if refusals or taken is None or not taken.again():
                outcome = self._fit(each)
                if not isinstance(outcome, Match):
                    refusals += outcome
                    break
                taken, write = outcome, self._writing(each, outcome)
            if not refusals:
                waiting = world.instances[self._waiting.popleft()]
                each.use(self._launch_one(waiting, each, taken, write), taken.rest)
                self._placement.add(agent)
                launched += 1
        return launched, refusals

    def _fit(self, each: OpenOffer) -> Match | list[Refusal]:
        """Match the next instance with an offer."""
        return match(self._definition, self._demand, each.ledger, self._turn.world.random)

    def _writing(self, on: OpenOffer, taken: Match) -> Write:
        return self._writer.on(on.agent, on.offer["framework_id"], taken.executor, taken.containers)

    def _launch_one(self, waiting: Instance, on: OpenOffer, taken: Match, write: Write) -> LaunchGroup:
        """Record the launch and return its operation."""
        turn, world = self._turn, self._turn.world
        if waiting.id in world.volatile.aged:
            world.volatile.aged.discard(waiting.id)
            waiting = replace(waiting, incarnation=arrival.leap(world, waiting.incarnation))
        if turn.now - waiting.since >= _LONG:
            waiting = told(waiting, happening(waiting.since, What.WAITED, cause=self._obstacles()))
        instance = placed(waiting, self._definition, world.agent(on.agent), taken, turn.now)
        turn.put(instance)
        backoff.on_progress(turn, instance)
        world.deadlines.set(turn.now + world.settings.task_launch_confirm_timeout, Due.CONFIRM, instance.tasks[0].id)
        turn.log(
            "debug",
            "launching",
            pod_id=instance.pod_id,
            instance_id=instance.id,
            agent_id=on.agent_id,
            offer_id=on.id,
        )
        return write(instance)

    def _obstacles(self) -> str:
        """Why instances of this queue waited: the most frequent reasons why offers did not fit, or its back-off."""
        queues = self._turn.world.queues
        history = queues.histories.get(self._queue)
        declined = history.declined.most_common(_MOST_OBSTACLES) if history is not None else ()
        reasons = ", ".join(reason for reason, _ in declined)
        return reasons or ("launch back-off" if self._queue in queues.delays else "no offer came")


class ResidentQueueLaunch(QueueLaunch):
    """The launches of instances with volumes: on their existing volumes, or on new ones."""

    def __init__(
        self,
        turn: Turn,
        queue: str,
        definition: PodDefinition,
        demand: Demand,
        candidates: OfferQueue,
        tried: MatchRound,
        residents: Residents,
    ) -> None:
        super().__init__(turn, queue, definition, demand, candidates, tried)
        self._config_version = queue.rpartition("@")[2]
        self._residents = residents

    def launch(self, most: int) -> None:
        """Launch first the instances that have volumes: they can be launched nowhere else."""
        refusals: dict[str, list[Refusal]] = {}
        for instance_id in tuple(self._queued):
            if self._tried.launches < most and not self._launch_at_home(instance_id, refusals):
                self._waiting.append(instance_id)
        self._place(most)
        for each in self._candidates.offers:
            if each.agent_id not in self._tried.refusals:
                self._refuse(each, refusals.get(each.agent_id) or [no_reservation(self._demand)])

    def _launch_at_home(self, instance_id: str, refusals: dict[str, list[Refusal]]) -> bool:
        """Launch an instance on its volumes, or add the reasons why not to the refusals. False: it has no volumes."""
        world = self._turn.world
        instance = world.instances[instance_id]
        others = constraints.placed(world, instance.pod_id, self._config_version, but=instance_id)
        placement = ConstraintState(self._definition, others, self._candidates.agents())
        for each, outcome in self._residents.at_home(instance, self._definition, self._demand, placement):
            if isinstance(outcome, Match):
                write = self._writing(each, outcome)
                each.use(self._launch_one(instance, each, outcome, write), outcome.rest)
                self._placement.add(each.agent)
                self._tried.launched(1)
                return True
            refusals[each.agent_id] = outcome
        return world.instances[instance_id].reservation is not None

    def _fit(self, each: OpenOffer) -> Match | list[Refusal]:
        waiting = self._turn.world.instances[self._waiting[0]]
        return self._residents.settle(waiting, self._definition, self._demand, each)

    def _launch_one(self, waiting: Instance, on: OpenOffer, taken: Match, write: Write) -> LaunchGroup:
        if taken.home is not None:
            on.operations.extend(taken.home.first)
            on.disks = taken.home.disks or on.disks
            waiting = replace(waiting, reservation=taken.home.reservation)
        return super()._launch_one(waiting, on, taken, write)


def _is_of_constraints(refusals: list[Refusal]) -> bool:
    return all(refusal.reason == "UnfulfilledConstraint" for refusal in refusals)


def placed(waiting: Instance, definition: PodDefinition, agent: Agent, taken: Match, now: float) -> Instance:
    """The next incarnation of a waiting instance, placed on an agent, with the ids it has in Mesos."""
    incarnation = waiting.incarnation + 1
    return replace(
        waiting,
        version=definition.version or "",
        incarnation=incarnation,
        since=now,
        agent=agent,
        executor_id=ids.executor_id(waiting.id, incarnation),
        host_ports=taken.host_ports,
        ended=None,
        tasks=tuple(
            Task(
                id=ids.task_id(waiting.id, container.name, incarnation),
                container=container.name,
                condition=Condition.PROVISIONED,
                staged_at=now,
                since=now,
                essential=container.essential is not False,
            )
            for container in definition.containers
        ),
    )
