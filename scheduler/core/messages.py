"""Small messages of Mesos' v1 JSON that several converters write."""

from collections.abc import Mapping

from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json

_NANOSECONDS = 1_000_000_000


def labels(members: Mapping[str, str]) -> Json:
    """Labels as Mesos writes them."""
    return {"labels": [{"key": key, "value": value} for key, value in members.items()]}


def duration(seconds: float) -> Json:
    """A DurationInfo."""
    return {"nanoseconds": round(seconds * _NANOSECONDS)}


def secret(definition: PodDefinition, key: str) -> Json:
    """One of the pod's secrets, by where its source finds it. Values never come here: the Mesos edge puts them in."""
    return {"type": "REFERENCE", "reference": {"name": definition.secrets[key].source}}
