"""Picks the disk of an offer for each persistent volume of an instance.

A volume is on one disk: it gets a part of the agent's main disk (``root``), a part of another one (``path``, the
largest first, so that all fill evenly), or a whole one (``mount``, the smallest that is large enough). Disks with a
profile are only for volumes that ask for this profile.
"""

from collections.abc import Iterable, Sequence

from scheduler.core.mesos_json import milli
from scheduler.core.offer.refusals import Refusal
from scheduler.core.offer.resources import Ledger
from scheduler.model.definition import PersistentVolume, Volume
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.patterns import matches

_TYPES = {"PATH": "path", "MOUNT": "mount"}


class _Disk(Frozen):
    template: Json
    left: int  # thousandths of MiB

    @property
    def source(self) -> Json:
        source: Json = self.template["disk"]["source"]
        return source

    @property
    def type(self) -> str | None:
        return _TYPES.get(self.source.get("type", ""))

    @property
    def profile(self) -> str | None:
        return self.source.get("profile") or None


class Picked(Frozen):
    """A disk, or a part of one, for each volume in the order of the request; and the disks that are left."""

    resources: tuple[Json, ...]
    rest: "Disks"


class Disks:
    """The free, unreserved disks of one offer, except the agent's main disk."""

    def __init__(self, disks: Iterable[_Disk]) -> None:
        self._disks = tuple(disks)

    @classmethod
    def of_offer(cls, offer: Json) -> "Disks":
        """The disks of an offer without volumes on them."""
        return cls(
            _Disk({key: value for key, value in each.items() if key != "scalar"}, milli(each["scalar"]["value"]))
            for each in offer.get("resources", ())
            if "source" in each.get("disk", ()) and "persistence" not in each["disk"] and _is_everyones(each)
        )

    def pick(self, volumes: Sequence[Volume], main: Ledger) -> Picked | Refusal:
        """Pick a disk for each of these persistent volumes. Parts of the main disk are taken from its ledger."""
        left = list(self._disks)
        found: dict[str, Json] = {}
        for volume, asked in sorted(_asked(volumes), key=_order):
            resource = _take_of_main(main, asked) if asked.type == "root" else _take(left, asked)
            if resource is None:
                return Refusal("InsufficientDisk", _describe(volume, asked), _largest(left, asked, main))
            found[volume.name] = resource
        return Picked(tuple(found[volume.name] for volume, _ in _asked(volumes)), Disks(left))


def _asked(volumes: Sequence[Volume]) -> list[tuple[Volume, PersistentVolume]]:
    return [(volume, volume.persistent) for volume in volumes if volume.persistent is not None]


def _order(pair: tuple[Volume, PersistentVolume]) -> float:
    """Volumes with less choice first: the largest parts, and the whole disks with the smallest maximum."""
    asked = pair[1]
    if asked.type == "mount":
        return float("inf") if asked.max_size is None else asked.max_size
    return -asked.size


def _take_of_main(main: Ledger, asked: PersistentVolume) -> Json | None:
    """Take a part of the main disk, which has no profile and no path that a constraint could match."""
    if asked.profile_name is not None or not _fits_path(asked, None):
        return None
    return main.take("disk", milli(asked.size))


def _take(left: list[_Disk], asked: PersistentVolume) -> Json | None:
    fitting = [disk for disk in left if _fits(disk, asked)]
    if not fitting:
        return None
    if asked.type == "mount":
        disk = min(fitting, key=lambda each: each.left)
        left.remove(disk)
        return _of_size(disk.template, disk.left)
    disk = max(fitting, key=lambda each: each.left)
    left[left.index(disk)] = _Disk(disk.template, disk.left - milli(asked.size))
    return _of_size(disk.template, milli(asked.size))


def _fits(disk: _Disk, asked: PersistentVolume) -> bool:
    if disk.type != asked.type or disk.left < milli(asked.size):
        return False
    if asked.max_size is not None and disk.left > milli(asked.max_size):
        return False
    if disk.profile != asked.profile_name:
        return False
    root: str | None = disk.source.get(asked.type or "", {}).get("root")
    return _fits_path(asked, root)


def _fits_path(asked: PersistentVolume, root: str | None) -> bool:
    """Whether the constraints allow a disk at this path."""
    for _, operator, value in asked.constraints:
        is_like = matches(value, root) if root is not None else False
        if is_like is not (operator.upper() == "LIKE"):  # None: an expression that is no longer accepted fits no disk
            return False
    return True


def _describe(volume: Volume, asked: PersistentVolume) -> str:
    parts = [f"volume {volume.name}: {asked.type} of {asked.size}"]
    if asked.max_size is not None:
        parts.append(f"to {asked.max_size}")
    if asked.profile_name is not None:
        parts.append(f"with profile {asked.profile_name}")
    parts += [" ".join(constraint) for constraint in asked.constraints]
    return " ".join(parts)


def _largest(left: Iterable[_Disk], asked: PersistentVolume, main: Ledger) -> str:
    if asked.type == "root":
        return f"{main.most('disk'):g}"
    of_type = [disk for disk in left if disk.type == asked.type]
    fitting = [disk for disk in of_type if disk.profile == asked.profile_name]
    disk = max(fitting or of_type, key=lambda each: each.left, default=None)
    if disk is None or fitting:
        return f"{disk.left / 1000 if disk else 0:g}"
    return f"{disk.left / 1000:g} " + (f"with profile {disk.profile}" if disk.profile else "without a profile")


def _of_size(template: Json, size: int) -> Json:
    return {**template, "scalar": {"value": size / 1000}}


def _is_everyones(resource: Json) -> bool:
    if "revocable" in resource or "shared" in resource:
        return False
    return not resource.get("reservations") and resource.get("role", "*") == "*"
