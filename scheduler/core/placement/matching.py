"""Matches one instance of a pod with an offer: the result is either the resources it takes, or all refusals."""

import random
from collections.abc import Iterator

from scheduler.core.offer import ports
from scheduler.core.offer.allotment import Match
from scheduler.core.offer.demand import Amounts, Demand
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.resources import Ledger
from scheduler.core.placement.constraints import ConstraintState
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.records import Agent
from scheduler.model.times import timestamp

_NANOSECONDS = 1_000_000_000


class Surroundings(Frozen):
    """Facts outside the offer that decide whether it fits.

    Attributes:
        isolators: the agent's; None: not known.
        home: the master's region; None: not known.
        wall: wall time, which schedules of maintenance refer to.
    """

    isolators: frozenset[str] | None
    home: str | None
    wall: float


_REASONS = {
    "cpus": "InsufficientCpus",
    "mem": "InsufficientMemory",
    "disk": "InsufficientDisk",
    "gpus": "InsufficientGpus",
}


def match(definition: PodDefinition, demand: Demand, ledger: Ledger, source: random.Random) -> Match | list[Refusal]:
    """Try to fit one instance into the resources left in an offer. Ports are checked only if everything else fits."""
    short = _too_little(demand, ledger)
    if short:
        return short
    rest = ledger.fork(demand.roles)
    refusals: dict[str, Refusal] = {}

    def take(amounts: Amounts) -> tuple[Json, ...]:
        taken = []
        for name, amount in amounts:
            resource = rest.take(name, amount)
            if resource is None:
                refusals.setdefault(name, Refusal(_REASONS[name], f"{amount / 1000:g}", f"{rest.most(name):g}"))
            else:
                taken.append(resource)
        return tuple(taken)

    executor = take(demand.executor)
    containers = tuple(map(take, demand.containers))
    if refusals:
        return list(refusals.values())
    if not demand.ports:
        return Match(executor, containers, (), rest)
    host_ports = ports.assign(definition, rest.free_ports(), source)
    port_resources = None if host_ports is None else rest.take_ports(port for _, port in host_ports)
    if host_ports is None or port_resources is None:
        free = ", ".join(f"{begin}-{end}" for begin, end in rest.free_ports())
        wanted = ", ".join(str(port or "any") for port in demand.ports)
        return [Refusal("InsufficientPorts", wanted, free or "none")]
    return Match((*executor, *port_resources), containers, host_ports, rest)


def unsuitable(
    demand: Demand, settings: Settings, offer: Json, ledger: Ledger, agent: Agent, around: Surroundings
) -> list[Refusal]:
    """All refusals that depend neither on where other instances are nor on quantities."""
    return [
        *_role(demand, ledger),
        *_isolators(demand, around.isolators),
        *_region(demand, agent, around.home),
        *_maintenance(settings, offer, around.wall),
        *_gpus(demand, ledger),
    ]


def unfulfilled(placement: ConstraintState, agent: Agent) -> list[Refusal]:
    """A refusal for each constraint that forbids one more instance on the agent."""
    return [Refusal("UnfulfilledConstraint", asked, has) for asked, has in placement.unfulfilled(agent)]


def _too_little(demand: Demand, ledger: Ledger) -> list[Refusal]:
    """Refusals for scalars of which the whole offer has less than the instance needs: most offers fail by these."""
    return [
        Refusal(_REASONS[name], f"{wanted / 1000:g}", f"{has / 1000:g}")
        for name, wanted in demand.total
        if (has := ledger.total(name, demand.roles)) < wanted
    ]


def _role(demand: Demand, ledger: Ledger) -> Iterator[Refusal]:
    if demand.roles.isdisjoint(ledger.roles):
        yield Refusal("UnfulfilledRole", ", ".join(sorted(demand.roles)), ", ".join(ledger.roles) or "none")


def _isolators(demand: Demand, isolators: frozenset[str] | None) -> Iterator[Refusal]:
    """An agent whose isolators are not known yet is assumed to have them."""
    for any_of in demand.needs if isolators is not None else ():
        if isolators is not None and any_of.isdisjoint(isolators):
            yield Refusal("UnfulfilledConstraint", f"isolator {' or '.join(sorted(any_of))}", "no such isolator")


def _region(demand: Demand, agent: Agent, home: str | None) -> Iterator[Refusal]:
    if demand.is_local and agent.region is not None and agent.region != home:
        yield Refusal("UnfulfilledConstraint", f"@region IS {home or '(not known)'}", agent.region)


def _maintenance(settings: Settings, offer: Json, wall: float) -> Iterator[Refusal]:
    window = offer.get("unavailability")
    if window is None or not settings.maintenance_mode:
        return
    begin = int(window["start"]["nanoseconds"]) / _NANOSECONDS
    duration = window.get("duration")
    end = float("inf") if duration is None else begin + int(duration["nanoseconds"]) / _NANOSECONDS
    if begin - settings.draining_seconds <= wall < end:
        yield Refusal("AgentMaintenance", "an agent without maintenance", f"maintenance from {timestamp(begin)}")


def _gpus(demand: Demand, ledger: Ledger) -> Iterator[Refusal]:
    if demand.spares_gpus and ledger.most("gpus") > 0:
        yield Refusal("DeclinedScarceResources", "an agent without GPUs", f"{ledger.most('gpus'):g} gpus")
