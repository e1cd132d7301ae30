"""Offers come in; launches and refusals go out, every offer answered at once.

Instances of a pod are spread: each goes to the fitting offer whose agent has fewest of them.
"""

import heapq
from collections.abc import Mapping
from dataclasses import replace

from scheduler.core import backoff, capabilities, ids, taskgroup
from scheduler.core.effects import Accept, Decline
from scheduler.core.events import OfferRescinded, OffersReceived
from scheduler.core.matching import Match, match
from scheduler.core.resources import Ledger
from scheduler.core.turn import Turn
from scheduler.core.world import Due
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, Condition, Instance, Task


def received(turn: Turn, event: OffersReceived) -> None:
    """Launch what fits, give the rest back."""
    ledgers = {offer["id"]["value"]: Ledger(offer) for offer in event.offers}
    operations: dict[str, list[Json]] = {offer_id: [] for offer_id in ledgers}
    for pod_id in list(turn.world.waiting):
        if pod_id in turn.world.pods and backoff.elapsed(turn.world, pod_id, turn.now):
            _launch_pod(turn, pod_id, ledgers, operations)
    refuse = turn.world.settings.decline_offer_duration
    for offer_id, launches in operations.items():
        if launches:
            turn.ask(Accept(offer_id, tuple(launches), refuse))
    unused = tuple(offer_id for offer_id, launches in operations.items() if not launches)
    if unused:
        turn.ask(Decline(unused, refuse))


def rescinded(_turn: Turn, _event: OfferRescinded) -> None:
    """Offers are answered as they come and never held: there is nothing to give up."""


def _launch_pod(turn: Turn, pod_id: str, ledgers: dict[str, Ledger], operations: dict[str, list[Json]]) -> None:
    world = turn.world
    definition = world.current(world.pods[pod_id])
    placed: Mapping[str, int] = world.placed.get(pod_id, {})
    candidates = [
        (placed.get(ledger.agent_id, 0), order, offer_id)
        for order, (offer_id, ledger) in enumerate(ledgers.items())
        if capabilities.can_run(world, ledger.agent_id, definition)
    ]
    heapq.heapify(candidates)
    for instance_id in list(world.waiting[pod_id]):
        while candidates:
            here, order, offer_id = candidates[0]
            outcome = match(definition, ledgers[offer_id], world.random)
            if isinstance(outcome, Match):
                operations[offer_id].append(
                    _launch(turn, world.instances[instance_id], definition, ledgers[offer_id].offer, outcome)
                )
                ledgers[offer_id] = outcome.rest
                heapq.heapreplace(candidates, (here + 1, order, offer_id))
                break
            heapq.heappop(candidates)  # it will not fit the pod's other instances either


def _launch(turn: Turn, waiting: Instance, definition: PodDefinition, offer: Json, taken: Match) -> Json:
    """Record the launch and give its operation."""
    world = turn.world
    incarnation = waiting.incarnation + 1
    instance = replace(
        waiting,
        version=definition.version or "",
        incarnation=incarnation,
        since=turn.now,
        agent=_agent(offer),
        executor_id=ids.executor_id(waiting.id, incarnation),
        host_ports=taken.host_ports,
        tasks=tuple(
            Task(
                id=ids.task_id(waiting.id, container.name, incarnation),
                container=container.name,
                condition=Condition.PROVISIONED,
                staged_at=turn.now,
                since=turn.now,
            )
            for container in definition.containers
        ),
    )
    turn.put(instance)
    world.at(turn.now + world.settings.task_launch_confirm_timeout, Due.CONFIRM, instance.tasks[0].id)
    turn.note(
        "info",
        "launching",
        pod_id=instance.pod_id,
        instance_id=instance.id,
        agent_id=offer["agent_id"]["value"],
        offer_id=offer["id"]["value"],
    )
    return taskgroup.launch_group(world.settings, definition, instance, offer, taken)


def _agent(offer: Json) -> Agent:
    domain = offer.get("domain", {}).get("fault_domain", {})
    return Agent(
        id=offer["agent_id"]["value"],
        hostname=offer["hostname"],
        region=domain.get("region", {}).get("name"),
        zone=domain.get("zone", {}).get("name"),
    )
