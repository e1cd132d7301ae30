"""An instance in the form in which Marathon answers a kill, which differs from the one in a pod's status."""

from scheduler.core.facts.between_launches import as_shown
from scheduler.core.facts.conditions import condition, health, marathon_name
from scheduler.core.frame import definition_key
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Agent, Instance
from scheduler.model.times import timestamp


def instance_view(world: World, instance: Instance) -> Json:
    """The instance's JSON."""
    instance = as_shown(instance)
    view: Json = {"instanceId": instance.id, "state": _state(world, instance), "runSpecVersion": instance.version}
    definition = world.definitions.get(definition_key(instance.pod_id, instance.version))
    if definition is not None:  # it may have been deleted with the instance
        strategy = definition.scheduling.unreachable_strategy
        view["unreachableStrategy"] = strategy if isinstance(strategy, str) else strategy.model_dump(by_alias=True)
    if instance.agent is not None:
        view["agentInfo"] = _agent(instance.agent)
    return view


def _state(world: World, instance: Instance) -> Json:
    state: Json = {
        "condition": marathon_name(condition(instance)),
        "since": timestamp(world.wall(instance.since)),
        "goal": instance.goal.value,
    }
    started = [task.started_at for task in instance.tasks if task.started_at is not None]
    if started:
        state["activeSince"] = timestamp(world.wall(min(started)))
    healthy = health(instance)
    if healthy is not None:
        state["healthy"] = healthy
    return state


def _agent(agent: Agent) -> Json:
    """The agentInfo. Attributes of every type are strings: they are stored like that."""
    view: Json = {
        "host": agent.hostname,
        "agentId": agent.id,
        "attributes": [{"name": name, "text": text} for name, text in agent.attributes],
    }
    fault_domain = {"region": agent.region, "zone": agent.zone}
    return view | {name: value for name, value in fault_domain.items() if value is not None}
