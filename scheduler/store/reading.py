"""Reads JSON into the core's values, by their types. Nothing is omitted or guessed."""

import re
from functools import cache
from typing import Any, TypeVar

import msgspec
import orjson
import pydantic

from scheduler.model.definition import PodDefinition

_T = TypeVar("_T")

# What msgspec says of a value that does not fit, and where.
_COMPLAINT = re.compile(r"(.*?)(?: - at `\$(.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_LENGTH = re.compile(r"Expected `array` of length (\d+)")
_TYPE = re.compile(r"Expected `(.*?)(?: \| null)?`, got `.*`")
_WORD = re.compile(r"Invalid enum value .*", re.DOTALL)
_TYPES = {"array": "a list", "object": "an object"}


class UnreadableError(Exception):
    """A part of a record cannot be read; says which, and why."""


def read(wanted: type[_T], data: bytes, name: str) -> _T:
    """A value from JSON. ``name``: of the value, in errors. Raises UnreadableError."""
    try:
        value: _T = _decoder(wanted).decode(data)  # type: ignore[arg-type] # mypy takes a union of classes for unhashable
    except msgspec.ValidationError as error:
        complaint = str(error)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(f"not JSON: {error}") from error
    else:
        return value
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error}") from error
    raise _explained(complaint, parsed, name)


def convert(wanted: type[_T], value: Any, name: str = "") -> _T:
    """The same from JSON that was parsed already."""
    try:
        return msgspec.convert(value, wanted, dec_hook=_of_other_type)
    except msgspec.ValidationError as error:
        complaint = str(error)
    raise _explained(complaint, value, name)


def definition(data: bytes) -> PodDefinition:
    """A pod definition out of JSON. Raises UnreadableError."""
    try:
        return PodDefinition.model_validate_json(data, extra="forbid")
    except pydantic.ValidationError as error:
        problems = (f"{'.'.join(map(str, at['loc']))}: {at['msg']}" for at in error.errors(include_url=False))
        raise UnreadableError("; ".join(problems)) from error


@cache
def _decoder(wanted: Any) -> Any:
    return msgspec.json.Decoder(wanted, dec_hook=_of_other_type)


def _of_other_type(wanted: type, value: Any) -> Any:
    """Read a value that msgspec knows no type of; it adds the place to a ValueError."""
    if wanted is not PodDefinition:
        raise NotImplementedError(wanted)
    try:
        return definition(orjson.dumps(value))
    except UnreadableError as error:
        raise ValueError(str(error)) from error


def _explained(complaint: str, value: Any, name: str) -> UnreadableError:
    """The error for a value in which something does not fit."""
    found = _COMPLAINT.fullmatch(complaint)
    what, where = found.groups("") if found else (complaint, "")
    try:
        for member, index in _STEP.findall(where):
            value = value[member] if member else value[int(index)]
        words = _in_words(what, value)
    except (LookupError, TypeError):  # a field is there twice: msgspec complained about one, and the other was parsed
        words = f"is there twice, and does not fit: {what}"
    return UnreadableError(f"{name}{where} {words}".strip())


def _in_words(what: str, value: Any) -> str:
    if found := _MISSING.fullmatch(what):
        return f"lacks the field {found[1]!r}"
    if found := _UNKNOWN.fullmatch(what):
        return f"has the unknown field {found[1]!r}"
    if found := _LENGTH.fullmatch(what):
        return f"has {len(value)} members, not {found[1]}"
    if found := _TYPE.fullmatch(what):
        return f"is {value!r}, not {_TYPES.get(found[1], f'a {found[1]}')}"
    if _WORD.fullmatch(what):
        return f"is {value!r}, which this podexec does not know"
    return what
