"""What is left of an offer.

Scalars are counted in thousandths, Mesos' own precision, so that nothing is lost to rounding.
Each quantity is taken whole out of one offered entry and keeps that entry's role and reservation: Mesos compares them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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
    """The unused part of one offer."""

    def __init__(self, offer: Json, kept: str | None = None) -> None:
        """Read an offer; what a pod cannot use (volumes, revocable and shared resources) is left out.

        What is kept for an instance is nobody else's. ``kept``: only what is kept for that one.
        """
        self.offer = offer
        self._scalars: dict[str, list[_Scalar]] = {name: [] for name in _SCALARS}
        self._ports: list[_Ports] = []
        self._usable: frozenset[str] | None = None
        for resource in offer.get("resources", ()):
            if "disk" in resource or "revocable" in resource or "shared" in resource or kept_for(resource) != kept:
                continue
            template = {key: value for key, value in resource.items() if key not in ("scalar", "ranges")}
            role = _role(resource)
            if resource["name"] in self._scalars and resource["type"] == "SCALAR":
                self._scalars[resource["name"]].append(_Scalar(template, role, milli(resource["scalar"]["value"])))
            elif resource["name"] == "ports" and resource["type"] == "RANGES":
                ranges = [(int(each["begin"]), int(each["end"])) for each in resource["ranges"].get("range", ())]
                self._ports.append(_Ports(template, role, ranges))

    @property
    def agent_id(self) -> str:
        """The agent that offers."""
        agent_id: str = self.offer["agent_id"]["value"]
        return agent_id

    @property
    def roles(self) -> list[str]:
        """The roles whose resources are in the offer."""
        scalars = {entry.role for entries in self._scalars.values() for entry in entries}
        return sorted(scalars | {entry.role for entry in self._ports})

    def fork(self, roles: frozenset[str] | None = None) -> "Ledger":
        """A copy to try a match on. It uses the resources of these roles only; without any, all."""
        other = Ledger.__new__(Ledger)
        other.offer = self.offer
        other._usable = roles  # noqa: SLF001 - its own class
        other._scalars = {  # noqa: SLF001
            name: [_Scalar(entry.template, entry.role, entry.left) for entry in entries]
            for name, entries in self._scalars.items()
        }
        other._ports = [_Ports(entry.template, entry.role, list(entry.ranges)) for entry in self._ports]  # noqa: SLF001
        return other

    def total(self, name: str, roles: frozenset[str]) -> int:
        """What there is altogether for these roles, in thousandths."""
        return sum(entry.left for entry in self._scalars[name] if entry.role in roles)

    def most(self, name: str) -> float:
        """The largest quantity that one request could still take."""
        return max((entry.left for entry in self._scalars[name] if self._may_use(entry)), default=0) / 1000

    def take(self, name: str, wanted: int) -> Json | None:
        """A resource of so many thousandths, or None where no single entry has it."""
        for entry in self._scalars[name]:
            if entry.left >= wanted and self._may_use(entry):
                entry.left -= wanted
                return {**entry.template, "scalar": {"value": wanted / 1000}}
        return None

    def free_ports(self) -> list[tuple[int, int]]:
        """The port ranges nobody has taken, ends included."""
        return [each for entry in self._ports if self._may_use(entry) for each in entry.ranges]

    def take_ports(self, ports: Iterable[int]) -> list[Json] | None:
        """Resources holding exactly these ports, or None where one is not there."""
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


def _role(resource: Json) -> str:
    """Whose a resource is: the innermost reservation's role; "*" is everyone's."""
    reservations = resource.get("reservations") or [resource]
    role: str = reservations[-1].get("role", "*")
    return role


def milli(value: float) -> int:
    """An amount in thousandths, the precision of Mesos: whole numbers add up exactly."""
    return round(value * 1000)


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
