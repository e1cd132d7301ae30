"""What this framework has on each agent: the instances there, and those whose volumes the agent keeps."""

from collections.abc import Callable, Iterable
from functools import partial

from scheduler.core.facts.roster import Bucket
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.views.pod_summary import counted_as
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Agent, Instance

_WAITING = "waiting"


def known_agents(world: World) -> dict[str, Agent]:
    """The agents that the scheduler knows of by itself, by id: from instances, and from the list that it read last."""
    known = {agent.id: agent for agent in world.volatile.arrival.listed or ()}
    for instance in world.instances.values():
        agent = place(instance)
        if agent is not None:
            known[agent.id] = agent
    return known


def instances_by_agent(world: World, shown: Callable[[str], bool] | None) -> dict[str, list[str]]:
    """The ids of instances, by the agent that they are or were last on. ``shown``: of which pods; None: of all."""
    may_see: dict[str, bool] = {}
    found: dict[str, list[str]] = {}
    for instance in world.instances.values():
        agent = place(instance)
        if agent is None:
            continue
        pod_id = instance.pod_id
        if shown is not None and pod_id not in may_see:
            may_see[pod_id] = shown(pod_id)
        if shown is None or may_see[pod_id]:
            found.setdefault(agent.id, []).append(instance.id)
    return found


def placed_instances(world: World, instance_ids: Iterable[str]) -> list[Json]:
    """Those of an agent's instances that are still there, by pod: not those that wait and may be launched elsewhere."""
    existing = (world.instances[each] for each in instance_ids if each in world.instances)
    shown = [
        entry(world, each.id, partial(_shown, world, each), {"id": each.id, "pod": each.pod_id, "message": MESSAGE})
        for each in existing
        if each.reservation is not None or _state(world, each) not in (None, _WAITING)
    ]
    return sorted(shown, key=lambda each: (each["pod"], each["id"]))


def place(instance: Instance) -> Agent | None:
    """The agent that keeps its volumes, or that it is or was last on."""
    return instance.agent if instance.reservation is None else instance.reservation.agent


def _state(world: World, instance: Instance) -> str | None:
    return counted_as(instance, world.bucket(instance.id))


def _shown(world: World, instance: Instance) -> Json:
    otherwise = "stopped" if world.bucket(instance.id) is Bucket.STOPPED else "ending"
    return {
        "id": instance.id,
        "pod": instance.pod_id,
        "state": _state(world, instance) or otherwise,
        "hasVolumes": instance.reservation is not None,
    }
