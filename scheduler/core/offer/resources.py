"""The ledger of an offer: the resources that are left in it.

Scalars are counted in thousandths, Mesos' own precision, so that nothing is lost to rounding. Each quantity is taken
from a single entry of the offer and keeps that entry's role and reservation, because Mesos compares them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from scheduler.core import mesos_json
from scheduler.core.mesos_json import milli
from scheduler.core.offer.reservations import kept_for
from scheduler.model.json import Json

_SCALARS = ("cpus", "mem", "disk", "gpus")


@dataclass(slots=True)
class _Scalar:
    template: Json
    role: str
    left: int


@dataclass(slots=True)
class _Ports:
    template: Json
    role: str
    ranges: list[tuple[int, int]]


class Ledger:
    """The unused resources of one offer."""

    def __init__(self, offer: Json, kept: str | None = None) -> None:
        """Read the resources that pods can use: not volumes, nor revocable, shared or otherwise reserved ones.

        ``kept``: an instance id; only the resources reserved for that instance.
        """
        self.offer = offer
        self._scalars: dict[str, list[_Scalar]] = {name: [] for name in _SCALARS}
        self._ports: list[_Ports] = []
        self._usable: frozenset[str] | None = None
        self._taken: list[tuple[_Scalar, int]] = []
        for resource in offer.get("resources", ()):
            if "disk" in resource or "revocable" in resource or "shared" in resource or kept_for(resource) != kept:
                continue
            template = {key: value for key, value in resource.items() if key not in ("scalar", "ranges")}
            role = role_of(resource)
            if resource["name"] in self._scalars and resource["type"] == "SCALAR":
                self._scalars[resource["name"]].append(_Scalar(template, role, milli(resource["scalar"]["value"])))
            elif resource["name"] == "ports" and resource["type"] == "RANGES":
                self._ports.append(_Ports(template, role, mesos_json.ranges(resource["ranges"])))

    @property
    def agent_id(self) -> str:
        """The agent of the offer."""
        agent_id: str = self.offer["agent_id"]["value"]
        return agent_id

    @property
    def roles(self) -> list[str]:
        """The roles whose resources are in the offer."""
        scalars = {entry.role for entries in self._scalars.values() for entry in entries}
        return sorted(scalars | {entry.role for entry in self._ports})

    def fork(self, roles: frozenset[str] | None = None) -> "Ledger":
        """A copy to try a match on. It uses only the resources of these roles; None: of all."""
        other = Ledger.__new__(Ledger)
        other.offer = self.offer
        other._usable = roles  # noqa: SLF001 - its own class
        other._taken = []  # noqa: SLF001
        other._scalars = {  # noqa: SLF001
            name: [_Scalar(entry.template, entry.role, entry.left) for entry in entries]
            for name, entries in self._scalars.items()
        }
        other._ports = [_Ports(entry.template, entry.role, list(entry.ranges)) for entry in self._ports]  # noqa: SLF001
        return other

    def total(self, name: str, roles: frozenset[str]) -> int:
        """The sum for these roles, in thousandths."""
        return sum(entry.left for entry in self._scalars[name] if entry.role in roles)

    def most(self, name: str) -> float:
        """The largest quantity that can still be taken at once."""
        return max((entry.left for entry in self._scalars[name] if self._may_use(entry)), default=0) / 1000

    def take(self, name: str, wanted: int) -> Json | None:
        """Take this many thousandths; None: no single entry has them."""
        for entry in self._scalars[name]:
            if entry.left >= wanted and self._may_use(entry):
                entry.left -= wanted
                self._taken.append((entry, wanted))
                return {**entry.template, "scalar": {"value": wanted / 1000}}
        return None

    def take_again(self) -> bool:
        """Take the scalars that were taken since the fork once more, from the same entries; False: one has too little.

        ``take`` would choose the same ones: an entry that had too little for an amount before does not have more now.
        """
        for index, (entry, amount) in enumerate(self._taken):
            if entry.left < amount:
                for earlier, given_back in self._taken[:index]:
                    earlier.left += given_back
                return False
            entry.left -= amount
        return True

    def free_ports(self) -> list[tuple[int, int]]:
        """The port ranges that are free, ends included."""
        return [each for entry in self._ports if self._may_use(entry) for each in entry.ranges]

    def take_ports(self, ports: Iterable[int]) -> list[Json] | None:
        """Take exactly these ports; None: one of them is not free."""
        taken: list[list[int]] = [[] for _ in self._ports]
        for port in ports:
            for entry, mine in zip(self._ports, taken, strict=True):
                if self._may_use(entry) and _remove(entry.ranges, port):
                    mine.append(port)
                    break
            else:
                return None
        return [
            {**entry.template, "ranges": {"range": [{"begin": b, "end": e} for b, e in _merge(mine)]}}
            for entry, mine in zip(self._ports, taken, strict=True)
            if mine
        ]

    def _may_use(self, entry: _Scalar | _Ports) -> bool:
        return self._usable is None or entry.role in self._usable


def role_of(resource: Json) -> str:
    """The role a resource belongs to, that of its innermost reservation; "*": it is unreserved."""
    reservations = resource.get("reservations") or [resource]
    role: str = reservations[-1].get("role", "*")
    return role


def _remove(ranges: list[tuple[int, int]], port: int) -> bool:
    for index, (begin, end) in enumerate(ranges):
        if begin <= port <= end:
            ranges[index : index + 1] = [(b, e) for b, e in ((begin, port - 1), (port + 1, end)) if b <= e]
            return True
    return False


def _merge(ports: list[int]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for port in sorted(ports):
        if merged and merged[-1][1] == port - 1:
            merged[-1] = (merged[-1][0], port)
        else:
            merged.append((port, port))
    return merged
