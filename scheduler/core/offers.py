"""Offers come in; launches and refusals go out, every offer answered at once.

An offer is made to one role, and used only for pods of that role: Mesos refuses others.
Instances of a pod are spread: each goes to the fitting offer whose agent has fewest of them.
"""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scheduler.core import agents, backoff, capabilities, constraints, ids, taskgroup
from scheduler.core.constraints import Placement
from scheduler.core.effects import Accept, Decline
from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.core.matching import Match, match, unfulfilled
from scheduler.core.resources import Ledger
from scheduler.core.turn import Turn
from scheduler.core.world import Due
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Instance, Task


@dataclass(slots=True)
class _Open:
    """An offer of this round, and what it is used for so far."""

    offer_id: str
    role: str
    agent: Agent
    ledger: Ledger
    operations: list[Json] = field(default_factory=list)


def received(turn: Turn, event: OffersReceived) -> None:
    """Launch what fits, give the rest back."""
    offers = [_open(offer) for offer in event.offers]
    for pod_id in list(turn.world.waiting):
        if pod_id in turn.world.pods and backoff.elapsed(turn.world, pod_id, turn.now):
            _launch_pod(turn, pod_id, offers)
    refuse = turn.world.settings.decline_offer_duration
    for each in offers:
        if each.operations:
            turn.ask(Accept(each.offer_id, tuple(each.operations), refuse))
    unused = tuple(each.offer_id for each in offers if not each.operations)
    if unused:
        turn.ask(Decline(unused, refuse))


def _open(offer: Json) -> _Open:
    return _Open(offer["id"]["value"], offer["allocation_info"]["role"], agents.of_offer(offer), Ledger(offer))


def rescinded(_turn: Turn, _event: OfferRescinded) -> None:
    """Offers are answered as they come and never held: there is nothing to give up."""


def _launch_pod(turn: Turn, pod_id: str, offers: list[_Open]) -> None:
    world = turn.world
    pod = world.pods[pod_id]
    definition = world.current(pod)
    role = world.waiting_role(pod_id)
    here: Mapping[str, int] = world.placed.get(pod_id, {})
    candidates = [
        (here.get(each.agent.id, 0), order, each)
        for order, each in enumerate(offers)
        if each.role == role and capabilities.can_run(world, each.agent.id, definition)
    ]
    heapq.heapify(candidates)
    placement = Placement(definition, constraints.placed(world, pod), (each.agent for _, _, each in candidates))
    for instance_id in list(world.waiting[pod_id]):
        if not _launch_one(turn, world.instances[instance_id], definition, candidates, placement):
            break  # the others are no different


def _launch_one(
    turn: Turn,
    waiting: Instance,
    definition: PodDefinition,
    candidates: list[tuple[int, int, _Open]],
    placement: Placement,
) -> bool:
    """Launch an instance on the first candidate that will have it; one that will not now and later is taken out."""
    set_aside = []
    launched = False
    while candidates and not launched:
        here, order, each = heapq.heappop(candidates)
        if unfulfilled(placement, each.agent):
            if placement.may_relent:
                set_aside.append((here, order, each))
            continue
        outcome = match(definition, each.ledger, turn.world.random)
        if isinstance(outcome, Match):
            each.operations.append(_launch(turn, waiting, definition, each, outcome))
            each.ledger = outcome.rest
            placement.add(each.agent)
            heapq.heappush(candidates, (here + 1, order, each))
            launched = True
    for candidate in set_aside:
        heapq.heappush(candidates, candidate)
    return launched


def _launch(turn: Turn, waiting: Instance, definition: PodDefinition, on: _Open, taken: Match) -> Json:
    """Record the launch and give its operation."""
    world = turn.world
    instance = placed(waiting, definition, on.agent, taken, turn.now)
    turn.put(instance)
    world.at(turn.now + world.settings.task_launch_confirm_timeout, Due.CONFIRM, instance.tasks[0].id)
    turn.note(
        "info",
        "launching",
        pod_id=instance.pod_id,
        instance_id=instance.id,
        agent_id=on.agent.id,
        offer_id=on.offer_id,
    )
    return taskgroup.launch_group(world.settings, definition, instance, on.ledger.offer, taken)


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
