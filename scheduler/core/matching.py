"""Does an offer fit a pod? Either the resources it would use, or every reason why not."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.core import ports
from scheduler.core.constraints import Placement
from scheduler.core.resources import Ledger, negligible
from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why an offer does not fit, under Marathon's names.

    What was asked for and the nearest the offer had.
    """

    reason: str
    asked: str
    offered: str


@dataclass(frozen=True, slots=True)
class Match:
    """What one instance takes from an offer.

    Attributes:
        executor: the resources of the executor, all host ports of the pod among them.
        containers: the resources of each container, in the definition's order.
        host_ports: endpoint name and allocated host port.
        rest: what the offer has left afterwards.
    """

    executor: tuple[Json, ...]
    containers: tuple[tuple[Json, ...], ...]
    host_ports: tuple[tuple[str, int], ...]
    rest: Ledger


_REASONS = {
    "cpus": "InsufficientCpus",
    "mem": "InsufficientMemory",
    "disk": "InsufficientDisk",
    "gpus": "InsufficientGpus",
}


def match(definition: PodDefinition, ledger: Ledger, source: random.Random) -> Match | list[Refusal]:
    """Try to fit one instance into what is left of an offer. Ports are looked at only if everything else fits."""
    roles = accepted_roles(definition)
    rest = ledger.fork(roles)
    refusals = {refusal.reason: refusal for refusal in _before_resources(definition, rest, roles)}

    def take(quantities: dict[str, float]) -> tuple[Json, ...]:
        taken = []
        for name, amount in quantities.items():
            if not negligible(amount):
                resource = rest.take(name, amount)
                if resource is None:
                    refusals.setdefault(name, Refusal(_REASONS[name], f"{amount:g}", f"{rest.most(name):g}"))
                else:
                    taken.append(resource)
        return tuple(taken)

    overhead = definition.executor_resources
    executor = take({"cpus": overhead.cpus, "mem": overhead.mem, "disk": overhead.disk})
    containers = tuple(
        take({"cpus": each.cpus, "mem": each.mem, "disk": each.disk, "gpus": each.gpus})
        for each in (container.resources for container in definition.containers)
    )
    if refusals:
        return list(refusals.values())
    host_ports = ports.assign(definition, rest.free_ports(), source)
    port_resources = None if host_ports is None else rest.take_ports(port for _, port in host_ports)
    if host_ports is None or port_resources is None:
        free = ", ".join(f"{begin}-{end}" for begin, end in rest.free_ports())
        return [Refusal("InsufficientPorts", _wanted_ports(definition), free or "none")]
    return Match((*executor, *port_resources), containers, host_ports, rest)


def unfulfilled(placement: Placement, agent: Agent) -> list[Refusal]:
    """A refusal for each constraint that is against one more instance on the agent."""
    return [Refusal("UnfulfilledConstraint", asked, has) for asked, has in placement.unfulfilled(agent)]


def accepted_roles(definition: PodDefinition) -> frozenset[str]:
    """On whose resources the pod may run: what it says, else everyone's and its own role's."""
    asked = definition.scheduling.placement.accepted_resource_roles
    return frozenset(asked or ("*", definition.role or "*"))


def _before_resources(definition: PodDefinition, ledger: Ledger, roles: frozenset[str]) -> Sequence[Refusal]:
    refusals = []
    if roles.isdisjoint(ledger.roles):
        refusals.append(Refusal("UnfulfilledRole", ", ".join(sorted(roles)), ", ".join(ledger.roles) or "none"))
    persistent = [volume.name for volume in definition.volumes if volume.persistent is not None]
    if persistent:
        # No volume is ever reserved yet: an instance that needs one waits.
        refusals.append(Refusal("NoCorrespondingReservationFound", ", ".join(persistent), "none"))
    return refusals


def _wanted_ports(definition: PodDefinition) -> str:
    wanted = [e.host_port for c in definition.containers for e in c.endpoints if e.host_port is not None]
    return ", ".join(str(port or "any") for port in wanted)
