"""Small messages of Mesos' v1 JSON that several modules read or write."""

from collections.abc import Mapping

from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json

_NANOSECONDS = 1_000_000_000
_MOST = 10**18  # thousandths of more than any agent has; nanoseconds that 64 bits hold


def labels(members: Mapping[str, str]) -> Json:
    """Labels as Mesos writes them."""
    return {"labels": [{"key": key, "value": value} for key, value in members.items()]}


def duration(seconds: float) -> Json:
    """A DurationInfo."""
    return {"nanoseconds": _rounded(seconds * _NANOSECONDS)}


def milli(value: float) -> int:
    """An amount in thousandths, Mesos' own precision: integers add up exactly."""
    return _rounded(value * 1000)


def ranges(value: Json) -> list[tuple[int, int]]:
    """The (begin, end) of each range of a Value.Ranges, ends included."""
    return [(int(each["begin"]), int(each["end"])) for each in value.get("range", ())]


def secret(definition: PodDefinition, key: str) -> Json:
    """A reference to one of the pod's secrets. The core never has their values: the Mesos edge inserts them."""
    return {"type": "REFERENCE", "reference": {"name": definition.secrets[key].source}}


def _rounded(value: float) -> int:
    """An integer, also for what a damaged record has made infinite."""
    try:
        return round(value)
    except OverflowError:
        return _MOST
