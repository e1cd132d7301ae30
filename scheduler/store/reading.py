"""Reads JSON into the records' dataclasses, with a reader per type, made once. Nothing is omitted or guessed.

It must be fast: a store may have hundreds of thousands of records, and a starting scheduler reads them all.
"""

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any

import orjson
import pydantic

from scheduler.model.definition import PodDefinition

Reader = Callable[[Any], Any]


class UnreadableError(Exception):
    """A part of a record cannot be read; says why. Its path is added while the error propagates."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._where = ""
        self._what = what

    def within(self, where: str) -> "UnreadableError":
        """The same error, for a part at ``where`` in a larger one."""
        self._where = where + self._where
        return self

    def __str__(self) -> str:
        return f"{self._where} {self._what}".strip()


@cache
def reader(wanted: Any) -> Reader:
    """A function that makes values of a type from JSON. It raises UnreadableError."""
    if dataclasses.is_dataclass(wanted):
        return _of_dataclass(wanted)
    if wanted is PodDefinition:
        return lambda value: definition(orjson.dumps(value))
    origin = typing.get_origin(wanted)
    if origin is dict:  # whose members are somebody else's business
        return _of_plain(dict)
    if origin is frozenset:
        return _of_set(_of_list(reader(typing.get_args(wanted)[0])))
    if origin in (types.UnionType, typing.Union):
        (only,) = (option for option in typing.get_args(wanted) if option is not types.NoneType)
        return _of_optional(reader(only))
    if origin is tuple:
        items = typing.get_args(wanted)
        return _of_list(reader(items[0])) if items[-1] is Ellipsis else _of_tuple(tuple(map(reader, items)))
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        return _of_words(wanted)
    return _of_float if wanted is float else _of_plain(wanted)


def definition(data: bytes) -> PodDefinition:
    """A pod definition out of JSON. Raises UnreadableError."""
    try:
        return PodDefinition.model_validate_json(data, extra="forbid")
    except pydantic.ValidationError as error:
        problems = (f"{'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors(include_url=False))
        raise UnreadableError("; ".join(problems)) from error


def _of_dataclass(wanted: Any) -> Reader:
    hints = typing.get_type_hints(wanted)
    readers = {field.name: reader(hints[field.name]) for field in dataclasses.fields(wanted)}
    missing = dataclasses.MISSING
    mandatory = {
        field.name
        for field in dataclasses.fields(wanted)
        if field.default is missing and field.default_factory is missing
    }

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise UnreadableError(f"is {value!r}, not an object")
        if not mandatory <= value.keys():
            raise UnreadableError(f"lacks the field {min(mandatory - value.keys())!r}")
        name = ""
        try:
            for name, member in value.items():
                value[name] = readers[name](member)
        except KeyError:
            raise UnreadableError(f"has the unknown field {name!r}") from None
        except UnreadableError as error:
            raise error.within(f".{name}") from None
        return wanted(**value)

    return read


def _of_optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _of_list(read: Reader) -> Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise UnreadableError(f"is {value!r}, not a list")
        return _members(zip((read,) * len(value), value, strict=True))

    return read_all


def _of_tuple(readers: tuple[Reader, ...]) -> Reader:
    def read(value: Any) -> tuple[Any, ...]:
        if type(value) is not list:
            raise UnreadableError(f"is {value!r}, not a list")
        if len(value) != len(readers):
            raise UnreadableError(f"has {len(value)} members, not {len(readers)}")
        return _members(zip(readers, value, strict=True))

    return read


def _of_set(read: Reader) -> Reader:
    return lambda value: frozenset(read(value))


def _members(pairs: typing.Iterable[tuple[Reader, Any]]) -> tuple[Any, ...]:
    members: list[Any] = []
    try:
        for read, member in pairs:
            members.append(read(member))
    except UnreadableError as error:
        raise error.within(f"[{len(members)}]") from None
    return tuple(members)


def _of_words(wanted: type[StrEnum]) -> Reader:
    known = {member.value: member for member in wanted}

    def read(value: Any) -> StrEnum:
        found = known.get(value) if type(value) is str else None
        if found is None:
            raise UnreadableError(f"is {value!r}, which is not a {wanted.__name__} that this podexec knows")
        return found

    return read


def _of_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise UnreadableError(f"is {value!r}, not a float")


def _of_plain(wanted: type) -> Reader:
    def read(value: Any) -> Any:
        if type(value) is not wanted:
            raise UnreadableError(f"is {value!r}, not a {wanted.__name__}")
        return value

    return read
