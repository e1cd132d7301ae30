"""Reads the SUBSCRIBED event, by which a master grants a subscription. Pure."""

from dataclasses import dataclass

from scheduler.mesos.address import Address
from scheduler.mesos.codec import value_of
from scheduler.model.json import Json
from scheduler.model.shapes import amount

_LONGEST_HEARTBEAT = 3600.0


@dataclass(frozen=True, slots=True)
class Grant:
    """A subscription as the master granted it.

    Attributes:
        heartbeat: interval of the master's heartbeats in seconds; None: it is missing or unusable.
        master: what pymesos passes to its callbacks as masterInfo; it has the version and the domain if they are known.
    """

    framework_id: str
    heartbeat: float | None
    master: Json


def read_grant(info: Json, address: Address) -> Grant:
    """The grant of the master at this address. Raises MalformedError if it names no framework."""
    master: Json = {"hostname": address.host, "port": address.port}
    found = info.get("master_info")
    master_info: Json = found if isinstance(found, dict) else {}
    version = master_info.get("version")
    if version and isinstance(version, str):
        master["version"] = version
    if "domain" in master_info:
        master["domain"] = master_info["domain"]
    return Grant(value_of(info.get("framework_id"), "framework_id"), _heartbeat(info), master)


def _heartbeat(info: Json) -> float | None:
    seconds = info.get("heartbeat_interval_seconds")
    return float(seconds) if seconds and amount(seconds) is None and seconds <= _LONGEST_HEARTBEAT else None
