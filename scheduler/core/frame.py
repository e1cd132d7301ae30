"""The result of one step: the records that changed, and the effects to perform once those are durable."""

from scheduler.core.effects import Effect
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.records import Abandoned, Clock, Cluster, Deployment, Framework, Instance, Pod

Record = Framework | Clock | Cluster | Pod | PodDefinition | Instance | Deployment | Abandoned


def key_of(record: Record) -> tuple[type[Record], str]:
    """The kind and the key under which a record is stored: its id, for a definition also its version."""
    if isinstance(record, Instance):  # first: most are, and it takes longer to find that a record is of another type
        return Instance, record.id
    if isinstance(record, Framework | Clock | Cluster):
        return type(record), ""
    if isinstance(record, PodDefinition):
        return PodDefinition, definition_key(record.id, record.version or "")
    return type(record), record.id


def definition_key(pod_id: str, version: str) -> str:
    """The key of one version of a pod's definition."""
    return f"{pod_id}@{version}"


class Put(Frozen):
    """Store a record in place of the one with the same kind and key."""

    record: Record


class Delete(Frozen):
    """Forget a record."""

    kind: type[Record]
    key: str


Change = Put | Delete


class Frame(Frozen):
    """The outcome of one event. ``changes`` must be durable before any effect is performed."""

    changes: tuple[Change, ...] = ()
    effects: tuple[Effect, ...] = ()
