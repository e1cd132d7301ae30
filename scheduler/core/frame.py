"""The result of one step: the records that changed, and the effects to perform once those are durable."""

from dataclasses import dataclass

from scheduler.core.effects import Effect
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Abandoned, Clock, Cluster, Deployment, Framework, Instance, Pod

Record = Framework | Clock | Cluster | Pod | PodDefinition | Instance | Deployment | Abandoned


def key_of(record: Record) -> tuple[type[Record], str]:
    """The kind and the key under which a record is stored: its id, for a definition also its version."""
    if isinstance(record, Framework | Clock | Cluster):
        return type(record), ""
    if isinstance(record, PodDefinition):
        return PodDefinition, definition_key(record.id, record.version or "")
    return type(record), record.id


def definition_key(pod_id: str, version: str) -> str:
    """The key of one version of a pod's definition."""
    return f"{pod_id}@{version}"


@dataclass(frozen=True, slots=True)
class Put:
    """Store a record in place of the one with the same kind and key."""

    record: Record


@dataclass(frozen=True, slots=True)
class Delete:
    """Forget a record."""

    kind: type[Record]
    key: str


Change = Put | Delete


@dataclass(frozen=True, slots=True)
class Frame:
    """The outcome of one event. ``changes`` must be durable before any effect is performed."""

    changes: tuple[Change, ...] = ()
    effects: tuple[Effect, ...] = ()
