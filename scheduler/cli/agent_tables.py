"""Tables and lines that show agents to people."""

from collections.abc import Iterator

from scheduler.cli.look import Look
from scheduler.cli.screen import Cell, Grid, Part, Word
from scheduler.cli.short_ids import short_ids
from scheduler.model.json import Json

_COLOURS = {"active": "green", "draining": "yellow", "drained": "yellow", "recovering": "yellow"}
_BAD = ("disconnected", "unregistered")
_NAMES = {"cpus": "CPUS", "mem": "MEM", "disk": "DISK", "gpus": "GPUS", "ports": "PORTS"}
_ALWAYS = ("cpus", "mem", "disk")


def agents(found: list[Json], look: Look) -> Grid:
    """One row for each agent."""
    names = [name for name in _NAMES if name in _ALWAYS or look.wide or (name != "ports" and _any_has(found, name))]
    free = tuple(f"{_NAMES[name]} FREE" for name in names)
    more = ("ID", "ADDRESS", "DOMAIN", "MESOS", look.since("REGISTERED", "REGISTERED AT")) if look.wide else ()
    table = Grid(("AGENT", "STATE", *free, "INSTANCES", "ATTRIBUTES", *more), cut=None if look.wide else "ATTRIBUTES")
    for each in found:
        rooms = (_room(each["resources"].get(name)) for name in names)
        count = str(len(each["instances"]))
        table.add(each["hostname"], _state(each, look), *rooms, count, _attributes(each), *_more(each, look))
    return table


def agent(found: Json, look: Look) -> Iterator[Part]:
    """One agent with its resources and the instances there."""
    yield found["hostname"], "  ", _word(found["state"])
    facts = [f"id {found['id']}"]
    facts += [f"{name} {found[name]}" for name in ("address", "region", "zone") if name in found]
    facts += [f"Mesos {found['version']}"] if "version" in found else []
    facts += [f"registered {_ago(found['registeredAt'], look)}"] if "registeredAt" in found else []
    yield ", ".join(facts)
    if found["attributes"]:
        yield f"attributes: {_attributes(found)}"
    yield from _conditions(found, look)
    if found["resources"]:
        yield _resources(found)
    else:
        yield "Its resources are not known."
    yield _impact(found["instances"])
    if found["instances"]:
        yield _instances(found["instances"], look)


def _any_has(found: list[Json], name: str) -> bool:
    return any(each["resources"].get(name, {}).get("total") for each in found)


def _room(resource: Json | None) -> str:
    """What this framework can use, of the total."""
    if resource is None:
        return "-"
    return f"{_number(_usable(resource))} of {_number(resource['total'])}"


def _usable(resource: Json) -> float:
    return float(resource.get("free", 0) + resource.get("reserved", 0))


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _state(found: Json, look: Look) -> Cell:
    maintenance = found.get("maintenance")
    if maintenance is None:
        return _word(found["state"])
    return [found["state"], f"maintenance from {maintenance['start']}"]


def _word(state: str) -> Word:
    return Word(state, "red" if state in _BAD else _COLOURS.get(state, ""))


def _attributes(found: Json) -> str:
    return ", ".join(f"{each['name']}={each['text']}" for each in found["attributes"])


def _more(found: Json, look: Look) -> tuple[str, ...]:
    if not look.wide:
        return ()
    domain = "/".join(found[name] for name in ("region", "zone") if name in found)
    registered = look.when(found.get("registeredAt", ""))
    return found["id"], found.get("address", ""), domain, found.get("version", ""), registered


def _conditions(found: Json, look: Look) -> Iterator[str]:
    """Drain and maintenance in words."""
    drain, maintenance = found.get("drain"), found.get("maintenance")
    if drain is not None:
        words = [f"{drain['state']}, since {_ago(drain['since'], look)}" if "since" in drain else drain["state"]]
        if "maxGracePeriodSeconds" in drain:
            words.append(f"tasks get at most {drain['maxGracePeriodSeconds']:g} s to end")
        if drain["markGone"]:
            words.append("afterwards the agent is removed for good")
        yield "; ".join(words)
    if maintenance is not None:
        until = f" until {maintenance['end']}" if "end" in maintenance else ", without an end"
        yield f"maintenance from {maintenance['start']}{until}"


def _ago(timestamp: str, look: Look) -> str:
    return timestamp if look.utc else f"{look.when(timestamp)} ago"


def _resources(found: Json) -> Grid:
    table = Grid(("RESOURCE", "TOTAL", "USED", "FREE", "RESERVED", "FOR OTHERS"))
    for name in _NAMES:
        amounts = found["resources"].get(name)
        if amounts is not None:
            parts = ("total", "used", "free", "reserved", "reservedForOthers")
            table.add(name, *(_number(amounts.get(part, 0)) for part in parts))
    return table


def _impact(instances: list[Json]) -> str:
    """What a drain would hit."""
    if not instances:
        return "No instance is on it."
    pods = len({each["pod"] for each in instances})
    bound = sum(bool(each.get("hasVolumes")) for each in instances)
    hit = f"A drain hits {_counted(len(instances), 'instance')} of {_counted(pods, 'pod')}."
    return f"{hit} {bound} with volumes here can run nowhere else." if bound else hit


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _instances(instances: list[Json], look: Look) -> Grid:
    ids = [each["id"] for each in instances]
    shown = {each: each for each in ids} if look.wide else short_ids(ids)
    table = Grid(("POD", "INSTANCE", "STATE", ""))
    for each in instances:
        note = each.get("message") or ("its volumes are here" if each.get("hasVolumes") else "")
        table.add(each["pod"], shown[each["id"]], each.get("state", ""), note)
    return table
