"""Classifies the instances of a pod for scaling and rollouts, and keeps a count per class.

A status update moves at most one instance from one bucket of a roster to another, so decisions that need only counts
never look at all instances.
"""

from collections.abc import Iterable, Iterator, Mapping, Sized
from enum import Enum, auto

from scheduler.core.facts.conditions import Checks, Phase, phase, ready
from scheduler.model.records import Goal, Instance


class Bucket(Enum):
    """The class of an instance."""

    __hash__ = object.__hash__  # the enum's own is computed in Python, and every update looks members up

    READY = auto()  # wanted, running, and all its checks have passed
    UNREADY = auto()  # wanted, but not ready yet, or no longer ready
    INACTIVE = auto()  # wanted, but unreachable so long that a replacement was started
    ENDING = auto()  # no longer wanted, and still running
    RELEASED = auto()  # no longer wanted, and ended or unreachable: it no longer counts
    STOPPED = auto()  # ended, and kept with its volumes


def bucket_of(instance: Instance, asked: Checks) -> Bucket:
    """The bucket of an instance. ``asked``: the checks it must pass to be ready."""
    if instance.goal is Goal.RUNNING:
        if instance.inactive:
            return Bucket.INACTIVE
        return Bucket.READY if not instance.killing and ready(instance, asked) else Bucket.UNREADY
    match phase(instance):
        case Phase.WAITING | Phase.ENDED:
            return Bucket.STOPPED if instance.goal is Goal.STOPPED else Bucket.RELEASED
        case Phase.UNREACHABLE:
            return Bucket.RELEASED
        case _:
            return Bucket.ENDING


class Roster:
    """The instances of one pod, by configuration and bucket."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[Bucket, dict[str, None]]] = {}

    def enter(self, config_version: str, bucket: Bucket, instance_id: str) -> None:
        """Add an instance."""
        self._lines.setdefault(config_version, {}).setdefault(bucket, {})[instance_id] = None

    def leave(self, config_version: str, bucket: Bucket, instance_id: str) -> None:
        """Remove an instance."""
        lines = self._lines[config_version]
        line = lines[bucket]
        del line[instance_id]
        if not line:
            del lines[bucket]
        if not lines:
            del self._lines[config_version]

    def current(self, config_version: str, *buckets: Bucket) -> int:
        """The number of instances of this configuration in these buckets."""
        return _count(self._lines.get(config_version, {}), buckets)

    def outdated(self, config_version: str, *buckets: Bucket) -> int:
        """The number of instances of all other configurations in these buckets."""
        return sum(_count(lines, buckets) for version, lines in self._lines.items() if version != config_version)

    def everyone(self, *buckets: Bucket) -> int:
        """The number of instances of all configurations in these buckets."""
        return sum(_count(lines, buckets) for lines in self._lines.values())

    def ids(
        self, config_version: str, *buckets: Bucket, outdated: bool = False, newest_first: bool = False
    ) -> Iterator[str]:
        """The ids of those of this configuration, or of all others, in the order in which they entered the bucket."""
        by_version = self._lines.items()
        for version, lines in reversed(by_version) if newest_first else by_version:
            if (version != config_version) is outdated:
                for bucket in buckets:
                    line = lines.get(bucket, {})
                    yield from reversed(line) if newest_first else line


def _count(lines: Mapping[Bucket, Sized], buckets: Iterable[Bucket]) -> int:
    count = 0
    for each in buckets:
        line = lines.get(each)
        if line is not None:
            count += len(line)
    return count
