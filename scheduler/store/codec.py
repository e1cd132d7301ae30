"""Records to rows and back.

A row carries its kind, its key, the version of its kind's schema, and JSON. Whatever this program does not know - a
kind, a version, a field, a value - is refused with an error that names the row: dropping it would lose a running pod.
A field that is new and has a default needs no new version; older rows simply lack it.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import orjson
import pydantic

from scheduler.core.frame import Record, key_of
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Deployment, Framework, Instance, Pod
from scheduler.store.base import StoreError


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is stored."""

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
}
VERSIONS: Mapping[str, int] = {"framework": 1, "pod": 1, "definition": 1, "instance": 1, "deployment": 1}
_TYPES: Mapping[str, type[Record]] = {name: kind for kind, name in KINDS.items()}


def encode(record: Record) -> Row:
    """The row of a record."""
    kind, key = key_of(record)
    name = KINDS[kind]
    data = record.model_dump_json(by_alias=True).encode() if isinstance(record, PodDefinition) else orjson.dumps(record)
    return Row(name, key, VERSIONS[name], data)


def decode(row: Row) -> Record:
    """The record of a row. Raises StoreError if any part of it is not understood."""
    try:
        record = _decode(row)
        if key_of(record)[1] != row.key:
            raise _UnreadableError(f"it holds the record of {key_of(record)[1]!r}")
    except _UnreadableError as error:
        raise StoreError(
            f"cannot read the stored {row.kind} {row.key!r} (schema version {row.version}): {error}. Nothing was "
            "changed. Run the podexec that wrote it, or a newer one; if the file is damaged, restore a backup of it"
        ) from error
    return record


class _UnreadableError(Exception):
    """Why a row, or a part of it, is not understood."""


def _decode(row: Row) -> Record:
    kind = _TYPES.get(row.kind)
    if kind is None:
        raise _UnreadableError(f"this podexec knows only the kinds {', '.join(_TYPES)}")
    if row.version != VERSIONS[row.kind]:
        raise _UnreadableError(f"this podexec reads version {VERSIONS[row.kind]} of its schema")
    if kind is PodDefinition:
        try:
            return PodDefinition.model_validate_json(row.data, extra="forbid")
        except pydantic.ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors(include_url=False)
            )
            raise _UnreadableError(problems) from error
    try:
        value = orjson.loads(row.data)
    except orjson.JSONDecodeError as error:
        raise _UnreadableError(f"not JSON: {error}") from error
    record: Record = _read(kind, value, row.kind)
    return record


def _read(wanted: Any, value: Any, where: str) -> Any:
    """``value`` as the type ``wanted``, nothing left out and nothing guessed."""
    if dataclasses.is_dataclass(wanted):
        return _read_dataclass(wanted, value, where)
    origin = typing.get_origin(wanted)
    if origin in (types.UnionType, typing.Union):
        return _read_optional(wanted, value, where)
    if origin is tuple:
        return _read_tuple(typing.get_args(wanted), value, where)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        if not isinstance(value, str) or value not in {member.value for member in wanted}:
            raise _UnreadableError(f"{where} is {value!r}, which is no {wanted.__name__} this podexec knows")
        return wanted(value)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise _UnreadableError(f"{where} is {value!r}, not a {wanted.__name__}")
    return value


def _read_optional(wanted: Any, value: Any, where: str) -> Any:
    present = [option for option in typing.get_args(wanted) if option is not types.NoneType]
    return None if value is None else _read(present[0], value, where)


def _read_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise _UnreadableError(f"{where} is {value!r}, not a list")
    if items[-1] is Ellipsis:
        items = items[:1] * len(value)
    if len(items) != len(value):
        raise _UnreadableError(f"{where} has {len(value)} members, not {len(items)}")
    return tuple(
        _read(item, member, f"{where}[{n}]") for n, (item, member) in enumerate(zip(items, value, strict=True))
    )


def _read_dataclass(wanted: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _UnreadableError(f"{where} is {value!r}, not an object")
    hints = _hints(wanted)
    unknown = value.keys() - hints.keys()
    if unknown:
        raise _UnreadableError(f"{where} has the unknown field {min(unknown)!r}")
    missing = _mandatory(wanted) - value.keys()
    if missing:
        raise _UnreadableError(f"{where} lacks the field {min(missing)!r}")
    make: Callable[..., Any] = wanted
    return make(**{name: _read(hints[name], member, f"{where}.{name}") for name, member in value.items()})


@cache
def _hints(wanted: Any) -> dict[str, Any]:
    return typing.get_type_hints(wanted)


@cache
def _mandatory(wanted: Any) -> frozenset[str]:
    missing = dataclasses.MISSING
    return frozenset(
        f.name for f in dataclasses.fields(wanted) if f.default is missing and f.default_factory is missing
    )
