"""Encodes records as rows, and decodes them.

A row has its kind, its key, the version of its kind's schema, and JSON. Anything unknown - a kind, a version, a field,
a value - is refused with an error that names the row: dropping it would lose a running pod.

Fields that have their default are left out, except in definitions. So a new field with a default needs no new version:
older rows simply lack it. But a default that changes is a change of the schema, and needs one (ADR 17).
"""

from collections.abc import Mapping

import msgspec

from scheduler.core.frame import Record, key_of
from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.records import Abandoned, Clock, Cluster, Deployment, Framework, Instance, Pod
from scheduler.store.base import DAMAGED, StoreError
from scheduler.store.reading import UnreadableError, definition, read


class Row(Frozen):
    """A record in its stored form."""

    kind: str
    key: str
    version: int
    data: bytes


KINDS: Mapping[type[Record], str] = {
    Framework: "framework",
    Pod: "pod",
    PodDefinition: "definition",
    Instance: "instance",
    Deployment: "deployment",
    Clock: "clock",
    Cluster: "cluster",
    Abandoned: "abandoned",
}
VERSIONS: Mapping[str, int] = dict.fromkeys(KINDS.values(), 1)
_TYPES: Mapping[str, type[Record]] = {name: kind for kind, name in KINDS.items()}


def encode(record: Record) -> Row:
    """The row of a record."""
    kind, key = key_of(record)
    name = KINDS[kind]
    if isinstance(record, PodDefinition):
        return Row(name, key, VERSIONS[name], record.model_dump_json(by_alias=True).encode())
    return Row(name, key, VERSIONS[name], msgspec.json.encode(record))


def type_of(kind: str) -> type[Record]:
    """The type of the records of this kind. Raises StoreError if it is unknown."""
    if kind not in _TYPES:
        raise StoreError(f"cannot read the deletion of a stored {kind!r}: {_unknown_kind()}. Nothing was changed")
    return _TYPES[kind]


def decode(row: Row) -> Record:
    """The record of a row. Raises StoreError if any part of it is unknown or unreadable."""
    try:
        record = _decode(row)
        if key_of(record)[1] != row.key:
            raise UnreadableError(f"it contains the record of {key_of(record)[1]!r}")
    except UnreadableError as error:
        raise StoreError(
            f"cannot read the stored {row.kind} {row.key!r} (schema version {row.version}): {error}. Nothing was "
            f"changed. Run the podexec that wrote it, or a newer one; {DAMAGED}"
        ) from error
    return record


def _decode(row: Row) -> Record:
    if row.kind not in VERSIONS:
        raise UnreadableError(_unknown_kind())
    if row.version != VERSIONS[row.kind]:
        raise UnreadableError(f"this podexec reads version {VERSIONS[row.kind]} of its schema")
    kind = _TYPES[row.kind]
    return definition(row.data) if kind is PodDefinition else read(kind, row.data, row.kind)


def _unknown_kind() -> str:
    return f"this podexec knows only the kinds {', '.join(VERSIONS)}"
