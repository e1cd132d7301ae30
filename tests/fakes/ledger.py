"""An agent in memory: its resources as a master accounts for them (free, reserved, with volumes on them, in use).

Strict: an operation that takes what is not there, as it is there, is refused, and nothing of it is done.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from scheduler.core.offer.reservations import kept_for, volume_of
from scheduler.model.json import Json

_OF_OFFERS = ("allocation_info", "scalar", "ranges")


class RefusedError(Exception):
    """The master drops an operation."""


class Account:
    """Amounts of resources that are alike but for the amount."""

    def __init__(self, resources: Iterable[Json] = ()) -> None:
        self._scalars: Counter[str] = Counter()
        self._ports: dict[str, set[int]] = {}
        for each in resources:
            self.add(each)

    def add(self, resource: Json) -> None:
        """There is more of it."""
        kind = _kind(resource)
        if resource["type"] == "SCALAR":
            self._scalars[kind] += _amount(resource)
        else:
            self._ports.setdefault(kind, set()).update(_ports(resource))

    def take(self, resource: Json) -> None:
        """There is less of it. Raises RefusedError where that is not there; a whole disk is never split."""
        kind = _kind(resource)
        if resource["type"] == "SCALAR":
            is_whole = resource.get("disk", {}).get("source", {}).get("type") == "MOUNT" or volume_of(resource)
            there, taken = self._scalars[kind], _amount(resource)
            if there < taken or (is_whole and there != taken):
                raise RefusedError(f"not in what the agent has: {resource}; it has {self.resources()}")
            self._scalars[kind] -= taken
        elif not _ports(resource) <= self._ports.get(kind, set()):
            raise RefusedError(f"not in what the agent has: {resource}; it has {self.resources()}")
        else:
            self._ports[kind] -= _ports(resource)

    def copy(self) -> "Account":
        """The same, to try on."""
        return Account(self.resources())

    def resources(self) -> list[Json]:
        """All of it, as Mesos writes it."""
        scalars = [{**json.loads(kind), "scalar": {"value": n / 1000}} for kind, n in self._scalars.items() if n]
        ranges = [
            {**json.loads(kind), "ranges": {"range": [{"begin": port, "end": port} for port in sorted(ports)]}}
            for kind, ports in self._ports.items()
            if ports
        ]
        return [*scalars, *ranges]


class AgentLedger:
    """One agent: what it has to offer, and who uses the rest.

    ``refuses``: the types of operations that the master's ACLs forbid.
    """

    def __init__(self, agent_id: str, resources: Iterable[Json]) -> None:
        self.id = agent_id
        self.free = Account(resources)
        self.used: dict[str, list[Json]] = {}  # by executor or task
        self.refuses: set[str] = set()
        self.volumes: dict[str, str] = {}  # persistence id -> what is written on it
        self.destroyed: list[str] = []  # persistence ids

    def offered(self, role: str) -> list[Json]:
        """What is free for a role, as it is offered."""
        return [
            {**each, "allocation_info": {"role": role}} for each in self.free.resources() if _role(each) in ("*", role)
        ]

    def kept(self) -> dict[str, list[Json]]:
        """By instance, what is kept for it, be it in use or not."""
        found: dict[str, list[Json]] = {}
        for each in (*self.free.resources(), *(each for used in self.used.values() for each in used)):
            owner = kept_for(each)
            if owner is not None:
                found.setdefault(owner, []).append(each)
        return found

    def apply(self, operation: Json) -> None:
        """Carry an operation out, whole. Raises RefusedError where the master drops it."""
        kind = operation["type"]
        if kind in self.refuses:
            raise RefusedError(f"not authorized to {kind}")
        body = operation[kind.lower()]
        match kind:
            case "RESERVE":
                self._turn([_without_reservation(each) for each in body["resources"]], body["resources"])
            case "UNRESERVE":
                self._turn(body["resources"], [_without_reservation(each) for each in body["resources"]])
            case "CREATE":
                self._turn([_without_volume(each) for each in body["volumes"]], body["volumes"])
                self.volumes.update((each["disk"]["persistence"]["id"], "") for each in body["volumes"])
            case "DESTROY":
                self._turn(body["volumes"], [_without_volume(each) for each in body["volumes"]])
                for each in body["volumes"]:
                    persistence_id = each["disk"]["persistence"]["id"]
                    self.destroyed.append(persistence_id)
                    del self.volumes[persistence_id]
            case "LAUNCH_GROUP":
                self._launch(body)
            case _:
                raise AssertionError(f"unknown operation {kind}")

    def end(self, holder: str) -> None:
        """An executor or a task uses nothing any more."""
        for each in self.used.pop(holder, ()):
            self.free.add(each)

    def _launch(self, group: Json) -> None:
        users = {group["executor"]["executor_id"]["value"]: group["executor"]["resources"]}
        users |= {info["task_id"]["value"]: info["resources"] for info in group["task_group"]["tasks"]}
        after = self.free.copy()
        for each in (each for resources in users.values() for each in resources):
            after.take(each)
        self.free = after
        self.used |= {user: [_bare(each) for each in resources] for user, resources in users.items()}

    def _turn(self, before: list[Json], after: list[Json]) -> None:
        tried = self.free.copy()
        for each in before:
            tried.take(each)
        for each in after:
            tried.add(each)
        self.free = tried


def _kind(resource: Json) -> str:
    return json.dumps(_bare_kind(resource), sort_keys=True)


def _bare_kind(resource: Json) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key not in _OF_OFFERS and (key, value) != ("role", "*")}


def _bare(resource: Json) -> Json:
    return {key: value for key, value in resource.items() if key != "allocation_info"}


def _amount(resource: Json) -> int:
    return round(resource["scalar"]["value"] * 1000)


def _ports(resource: Json) -> set[int]:
    return {port for each in resource["ranges"]["range"] for port in range(each["begin"], each["end"] + 1)}


def _role(resource: Json) -> str:
    role: str = (resource.get("reservations") or [resource])[-1].get("role", "*")
    return role


def _without_reservation(resource: Json) -> Json:
    assert volume_of(resource) is None, "the master refuses to reserve or unreserve a volume"
    return {key: value for key, value in resource.items() if key != "reservations"}


def _without_volume(resource: Json) -> Json:
    disk = {key: value for key, value in resource["disk"].items() if key not in ("persistence", "volume")}
    rest = {key: value for key, value in resource.items() if key != "disk"}
    return {**rest, "disk": disk} if disk else rest
