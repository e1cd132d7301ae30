"""What an instance counts as among those of its pod, and the roster that keeps count.

Every status update moves at most one instance from one line of a roster to another, so that what follows from the
counts never needs a look at all instances.
"""

from collections.abc import Iterable, Iterator, Mapping, Sized
from enum import Enum, auto

from scheduler.core.facts.conditions import Checks, Phase, phase, ready
from scheduler.model.records import Goal, Instance


class Bucket(Enum):
    """What an instance counts as."""

    __hash__ = object.__hash__  # the enum's own is computed in Python, and every update looks members up

    READY = auto()  # does its work
    UNREADY = auto()  # is to do it, and does not yet or no more
    INACTIVE = auto()  # out of reach for so long that another does it
    ENDING = auto()  # wanted no more, and still takes its place
    RELEASED = auto()  # wanted no more, and takes no place: nothing of it is alive, or within reach
    STOPPED = auto()  # ended, and kept with its volumes


def bucket_of(instance: Instance, asked: Checks) -> Bucket:
    """What the instance counts as. ``asked``: what has to be found of it before it is ready."""
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
    """The instances of one pod, by the configuration they run and by what they count as."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[Bucket, dict[str, None]]] = {}

    def enter(self, config_version: str, bucket: Bucket, instance_id: str) -> None:
        """An instance is there."""
        self._lines.setdefault(config_version, {}).setdefault(bucket, {})[instance_id] = None

    def leave(self, config_version: str, bucket: Bucket, instance_id: str) -> None:
        """It is there no more."""
        lines = self._lines[config_version]
        line = lines[bucket]
        del line[instance_id]
        if not line:
            del lines[bucket]
        if not lines:
            del self._lines[config_version]

    def current(self, config_version: str, *buckets: Bucket) -> int:
        """How many of this configuration count as one of these."""
        return _count(self._lines.get(config_version, {}), buckets)

    def outdated(self, config_version: str, *buckets: Bucket) -> int:
        """How many of every other configuration do."""
        return sum(_count(lines, buckets) for version, lines in self._lines.items() if version != config_version)

    def everyone(self, *buckets: Bucket) -> int:
        """How many of any configuration do."""
        return sum(_count(lines, buckets) for lines in self._lines.values())

    def ids(
        self, config_version: str, *buckets: Bucket, outdated: bool = False, newest_first: bool = False
    ) -> Iterator[str]:
        """Who they are, of this configuration or of all others, in the order they came to count as that."""
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
