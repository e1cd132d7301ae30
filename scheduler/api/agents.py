"""``/v2/agents``: the cluster's agents as the leading master lists them, and the instances of this framework on each.

Without a list from the master the answer has the agents that the scheduler knows of by itself, and says why.
"""

from collections.abc import Iterable, Iterator

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.callers import viewable
from scheduler.api.needs import by_handler
from scheduler.api.routes import routes
from scheduler.api.sliced import list_response
from scheduler.api.turns import in_turn
from scheduler.core.views.agents import instances_by_agent, known_agents, place, placed_instances
from scheduler.core.world import World
from scheduler.loop.agents import AgentList, MesosAgent
from scheduler.loop.inside import Inside, InsideError
from scheduler.model.json import Json
from scheduler.model.records import Agent
from scheduler.model.times import timestamp

_SLICE = 200  # agents and instances that are rendered at a time
_UNRESERVED = "*"


def agent_routes(world: World, inside: Inside) -> list[Route]:
    """The route. Everybody with valid credentials sees the agents, and on them the pods that they may view."""

    async def show(request: Request) -> Response:
        source, listed = await _listed(world, inside)  # the master is not waited for in a turn

        async def answer(request: Request) -> Response:
            head = {"source": source, "problems": listed.problems}
            around = orjson.dumps(head)[:-1] + b',"agents":', b"}"
            return list_response(request, _sliced(_views(world, request, listed, source)), around)

        return await in_turn(answer)(request)

    return routes("/v2/agents", show, needs=by_handler)


async def _listed(world: World, inside: Inside) -> tuple[str, AgentList]:
    """Who has listed the agents, and the agents."""
    try:
        return "master", await inside.agents()
    except InsideError as error:
        known = (MesosAgent(each) for each in known_agents(world).values())
        agents = sorted(known, key=lambda each: (each.agent.hostname, each.agent.id))
        return "scheduler", AgentList(tuple(agents), (f"the master's list of agents is not known: {error}",))


def _views(world: World, request: Request, listed: AgentList, source: str) -> Iterator[Json]:
    roles = world.roles()
    there = instances_by_agent(world, viewable(request))
    for each in listed.agents:
        state = _state(each) if source == "master" else "unknown"
        yield _view(each, state, roles, placed_instances(world, there.pop(each.agent.id, ())))
    for agent_id, instance_ids in there.items():  # which the master does not list
        placed = placed_instances(world, instance_ids)
        if placed:
            agent = place(world.instances[placed[0]["id"]])
            yield _view(MesosAgent(agent or Agent(agent_id, agent_id)), "unregistered", roles, placed)


def _sliced(views: Iterator[Json]) -> Iterator[list[object]]:
    current: list[object] = []
    size = 0
    for each in views:
        current.append(each)
        size += 1 + len(each["instances"])
        if size >= _SLICE:
            yield current
            current, size = [], 0
    if current:
        yield current


def _state(listed: MesosAgent) -> str:
    """What keeps it from getting tasks, in a word; ``active``: nothing."""
    if listed.is_recovered:
        return "recovering"
    if listed.drain is not None:
        return "drained" if listed.drain.state == "DRAINED" else "draining"
    if listed.is_deactivated:
        return "deactivated"
    return "active" if listed.is_active else "disconnected"


def _view(listed: MesosAgent, state: str, roles: Iterable[str], instances: list[Json]) -> Json:
    agent = listed.agent
    optional = {
        "address": listed.address,
        "region": agent.region,
        "zone": agent.zone,
        "version": listed.version,
        "registeredAt": None if listed.registered_at is None else timestamp(listed.registered_at),
    }
    view: Json = {
        "id": agent.id,
        "hostname": agent.hostname,
        "state": state,
        **{name: value for name, value in optional.items() if value is not None},
        "attributes": [{"name": name, "text": text} for name, text in agent.attributes],
        "resources": _resources(listed, roles),
        "ports": [{"begin": begin, "end": end} for begin, end in listed.ports],
        "instances": instances,
    }
    if listed.drain is not None:
        view["drain"] = _drain(listed)
    if listed.maintenance is not None:
        window = listed.maintenance
        view["maintenance"] = {"start": timestamp(window.start)}
        if window.duration is not None:
            view["maintenance"]["end"] = timestamp(window.start + window.duration)
    return view


def _drain(listed: MesosAgent) -> Json:
    drain = listed.drain
    assert drain is not None
    shown: Json = {"state": "drained" if drain.state == "DRAINED" else "draining", "markGone": drain.mark_gone}
    if drain.since is not None:
        shown["since"] = timestamp(drain.since)
    if drain.most_grace is not None:
        shown["maxGracePeriodSeconds"] = drain.most_grace
    return shown


def _resources(listed: MesosAgent, roles: Iterable[str]) -> Json:
    """By name, the parts of the total: used by any framework, free, reserved for this one's roles, and for others."""
    ours = {role: _is_ours(role, roles) for role in listed.unused}
    shown: Json = {}
    for name, total in listed.total.items():
        parts = {"used": listed.used.get(name, 0), "free": 0, "reserved": 0, "reservedForOthers": 0}
        for role, amounts in listed.unused.items():
            kind = "free" if role == _UNRESERVED else "reserved" if ours[role] else "reservedForOthers"
            parts[kind] += amounts.get(name, 0)
        shown[name] = {"total": total / 1000} | {part: amount / 1000 for part, amount in parts.items()}
    return shown


def _is_ours(role: str, roles: Iterable[str]) -> bool:
    """Whether what is reserved for a role is offered to one of these: to itself, and to those below it."""
    return any(each == role or each.startswith(f"{role}/") for each in roles)
