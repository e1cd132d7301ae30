"""Agents as offers describe them: the record an instance keeps of its agent, and the fields for constraints."""

from scheduler.core import messages
from scheduler.model.json import Json
from scheduler.model.records import Agent


def of_offer(offer: Json) -> Agent:
    """The agent of an offer."""
    domain = offer.get("domain", {}).get("fault_domain", {})
    return Agent(
        id=offer["agent_id"]["value"],
        hostname=offer["hostname"],
        region=domain.get("region", {}).get("name"),
        zone=domain.get("zone", {}).get("name"),
        attributes=tuple((attribute["name"], _text(attribute)) for attribute in offer.get("attributes", ())),
    )


def field(agent: Agent, name: str) -> str | None:
    """The agent's value of a constraint's field; None: it has no such field."""
    match name:
        case "hostname" | "@hostname":
            return agent.hostname
        case "@region":
            return agent.region
        case "@zone":
            return agent.zone
        case _:
            return next((value for key, value in agent.attributes if key == name), None)


def number(value: float) -> str:
    """A number as a string, in the form Mesos compares: at most three decimals, no trailing zeros."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text(attribute: Json) -> str:
    match attribute["type"]:
        case "SCALAR":
            return number(attribute["scalar"]["value"])
        case "RANGES":
            ranges = sorted(messages.ranges(attribute["ranges"]))
            return "[" + ",".join(f"{begin}-{end}" for begin, end in ranges) + "]"
        case "SET":
            return "{" + ",".join(sorted(attribute["set"].get("item", ()))) + "}"
        case _:
            text: str = attribute["text"]["value"]
            return text
