"""Reads a master's list of agents and its schedule of maintenance. Pure.

An agent that cannot be read is left out, and said to be; the others are listed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import orjson

from scheduler.core import mesos_json
from scheduler.core.mesos_json import milli
from scheduler.core.offer import agents as offered_agents
from scheduler.core.offer import shape
from scheduler.core.offer.resources import role_of
from scheduler.loop.agents import AgentList, Amounts, Drain, MesosAgent, Window
from scheduler.model.json import Json
from scheduler.model.records import Agent
from scheduler.model.shapes import LONGEST_ID, every, flag, identifier, members, name

MOST_AGENTS = 10_000
MOST_ATTRIBUTES = 100
MOST_PORT_RANGES = 20
_SCALARS = frozenset({"cpus", "mem", "disk", "gpus"})
_PORTS = "ports"
_NANOSECONDS = 1_000_000_000

_NAMES = {"id": identifier, "hostname": name}
_PLACE = {"attributes": shape.attributes, "domain": shape.domain}
_RECOVERED = members(_NAMES, {**_PLACE, "resources": shape.resources})
_CONFIG = members({}, {"max_grace_period": shape.nanoseconds, "mark_gone": flag})
_AGENT = members(
    {"agent_info": members(_NAMES, _PLACE)},
    {
        "active": flag,
        "deactivated": flag,
        "version": name,
        "pid": name,
        "registered_time": shape.nanoseconds,
        "total_resources": shape.resources,
        "allocated_resources": shape.resources,
        "drain_info": members({"state": name}, {"config": _CONFIG}),
        "estimated_drain_start_time": shape.nanoseconds,
    },
)
_WINDOW = members(
    {"unavailability": shape.unavailability}, {"machine_ids": every(members({}, {"hostname": name, "ip": name}))}
)
_SCHEDULE = members({"get_maintenance_schedule": members({}, {"schedule": members({}, {"windows": every(_WINDOW)})})})


class UnreadableError(Exception):
    """An answer has an unexpected shape, or too much in it."""


class _Entry:
    """One agent, or why there is none; made while the list is decoded, so that only this is kept of it."""

    def __init__(self, listed: MesosAgent | None) -> None:
        self.listed = listed


class _Recovered(_Entry):
    """An agent that the master knows from its predecessor only."""


class _Members(msgspec.Struct):
    agents: list[_Entry] = []
    recovered_agents: list[_Recovered] = []


class _Answer(msgspec.Struct):
    get_agents: _Members


def agent_list(answer: bytes, schedule: bytes | str) -> AgentList:
    """The agents in the answers to GET_AGENTS and GET_MAINTENANCE_SCHEDULE; ``schedule``: a string says why it is not
    known. Raises UnreadableError. It takes a second for thousands of agents, and lets other threads run meanwhile.
    """
    entries = _entries(answer)
    listed: dict[str, MesosAgent] = {}
    for entry in entries:
        if entry.listed is not None:
            listed.setdefault(entry.listed.agent.id, entry.listed)
    problems = []
    unreadable = sum(entry.listed is None for entry in entries)
    if unreadable:
        problems.append(f"{unreadable} agents are left out: the master describes them in an unknown format")
    if isinstance(schedule, bytes):
        windows = _windows(schedule)
        if windows is None:
            problems.append("the maintenance schedule is not known: the master sent it in an unknown format")
    else:
        windows = None
        problems.append(f"the maintenance schedule is not known: {schedule}")
    agents = (_with_maintenance(each, windows or {}) for each in listed.values())
    return AgentList(tuple(sorted(agents, key=lambda each: (each.agent.hostname, each.agent.id))), tuple(problems))


def _entries(answer: bytes) -> list[_Entry]:
    count = 0

    def entry(kind: type, value: Any) -> Any:
        nonlocal count
        count += 1
        if count > MOST_AGENTS:
            raise UnreadableError(f"it has more than {MOST_AGENTS} agents")
        return kind(_recovered(value) if kind is _Recovered else _registered(value))

    try:
        decoded = msgspec.json.decode(answer, type=_Answer, dec_hook=entry).get_agents
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise UnreadableError("it has an unknown format") from error
    return [*decoded.agents, *decoded.recovered_agents]


def _registered(value: object) -> MesosAgent | None:
    if _AGENT(value) is not None:
        return None
    agent: Json = value  # type: ignore[assignment] # it has the shape
    info = agent["agent_info"]
    total = _by_role(agent.get("total_resources", ()))
    allocated = _by_role(agent.get("allocated_resources", ()))
    of_all, used = _sum(total.values()), _sum(allocated.values())
    return MesosAgent(
        _record(info),
        address=agent.get("pid", "").partition("@")[2] or None,
        version=agent.get("version"),
        registered_at=_seconds(agent.get("registered_time")),
        is_active=agent.get("active", False),
        is_deactivated=agent.get("deactivated", False),
        total=of_all,
        used={name: min(used.get(name, 0), amount) for name, amount in of_all.items()},
        unused={role: _less(amounts, allocated.get(role, {})) for role, amounts in total.items()},
        ports=_port_ranges(agent.get("total_resources", ())),
        drain=_drain(agent),
    )


def _recovered(value: object) -> MesosAgent | None:
    if _RECOVERED(value) is not None:
        return None
    info: Json = value  # type: ignore[assignment] # it has the shape
    total = _sum(_by_role(info.get("resources", ())).values())
    return MesosAgent(_record(info), is_active=False, is_recovered=True, total=total)


def _record(info: Json) -> Agent:
    """The agent as its offers would describe it; what is too long is cut."""
    offered = {**info, "agent_id": info["id"], "attributes": info.get("attributes", ())[:MOST_ATTRIBUTES]}
    agent = offered_agents.of_offer(offered)
    return msgspec.structs.replace(
        agent, attributes=tuple((key[:LONGEST_ID], value[:LONGEST_ID]) for key, value in agent.attributes)
    )


def _by_role(resources: Iterable[Json]) -> dict[str, Counter[str]]:
    """The sums of the resources that stay, by the role that they are reserved for."""
    sums: dict[str, Counter[str]] = {}
    for each in resources:
        if "revocable" in each:
            continue
        of_role = sums.setdefault(role_of(each), Counter())
        if each["name"] in _SCALARS and each["type"] == "SCALAR":
            of_role[each["name"]] += milli(each["scalar"]["value"])
        elif each["name"] == _PORTS and each["type"] == "RANGES":
            of_role[_PORTS] += sum(1000 * (end - begin + 1) for begin, end in mesos_json.ranges(each["ranges"]))
    return sums


def _sum(amounts: Iterable[Amounts]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in amounts:
        total.update(each)
    return dict(total)


def _less(amounts: Amounts, taken: Amounts) -> dict[str, int]:
    """Never less than nothing: a volume that is shared is allocated more than once."""
    return {name: max(0, amount - taken.get(name, 0)) for name, amount in amounts.items()}


def _port_ranges(resources: Iterable[Json]) -> tuple[tuple[int, int], ...]:
    ranges = (
        each
        for resource in resources
        if resource["name"] == _PORTS and resource["type"] == "RANGES" and "revocable" not in resource
        for each in mesos_json.ranges(resource["ranges"])
    )
    return tuple(sorted(ranges)[:MOST_PORT_RANGES])


def _drain(agent: Json) -> Drain | None:
    info = agent.get("drain_info")
    if info is None:
        return None
    config = info.get("config", {})
    return Drain(
        state=info["state"],
        since=_seconds(agent.get("estimated_drain_start_time")),
        most_grace=_seconds(config.get("max_grace_period")),
        mark_gone=config.get("mark_gone", False),
    )


def _seconds(time: Json | None) -> float | None:
    return None if time is None else int(time["nanoseconds"]) / _NANOSECONDS


# ------------------------------------------------------------------------- maintenance


@dataclass(frozen=True, slots=True)
class _Machine:
    """As masters compare them: both must agree."""

    hostname: str
    ip: str


def _windows(answer: bytes) -> Mapping[_Machine, Window] | None:
    """The window of each machine, the earliest of several; None: unreadable."""
    try:
        decoded = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return None
    if _SCHEDULE(decoded) is not None:
        return None
    found: dict[_Machine, Window] = {}
    for each in decoded["get_maintenance_schedule"].get("schedule", {}).get("windows", ()):
        unavailability = each["unavailability"]
        start = int(unavailability["start"]["nanoseconds"]) / _NANOSECONDS
        window = Window(start, _seconds(unavailability.get("duration")))
        for machine in each.get("machine_ids", ()):
            key = _Machine(machine.get("hostname", "").lower(), machine.get("ip", ""))
            if key not in found or start < found[key].start:
                found[key] = window
    return found


def _with_maintenance(listed: MesosAgent, windows: Mapping[_Machine, Window]) -> MesosAgent:
    ip = (listed.address or "").rpartition(":")[0].strip("[]")
    window = windows.get(_Machine(listed.agent.hostname.lower(), ip))
    return listed if window is None else replace(listed, maintenance=window)
