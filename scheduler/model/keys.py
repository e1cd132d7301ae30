"""Unknown keys of a JSON document: removes them, and reports them with the known key they resemble.

Values are not looked at; ``schema`` does that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from scheduler.model.problems import Problem, Steps, path_of

UnknownKey = tuple[tuple[*Steps, str], Mapping[str, Any]]  # its place, and the keys that are known there

# Keys in Marathon's schema and documentation, or from tools of DC/OS, that never had an effect.
_WITHOUT_EFFECT = {
    ("scaling", "maxInstances"): "has no effect: instances sets the number; leave this out",
    ("fetch",): "has no effect: list the files to fetch in a container's artifacts",
    ("containers", "fetch"): "has no effect: list the files to fetch in artifacts",
}
_MOST_SUGGESTIONS = 20  # looking for resemblance takes time, and a body may hold many keys


def cleaned(document: Any, model: type[BaseModel]) -> tuple[Any, list[UnknownKey]]:
    """The document without its unknown keys and its optional keys that are null; and the unknown keys."""
    unknown: list[UnknownKey] = []
    return _clean(document, Options(model), (), unknown), unknown


def unknown_key_problems(unknown: Iterable[UnknownKey]) -> Iterator[Problem]:
    """The unknown keys as problems; the first of them with the known key they resemble."""
    for number, (steps, known) in enumerate(unknown):
        without_effect = _WITHOUT_EFFECT.get(_names(steps))
        if without_effect is not None:
            yield Problem(path_of(steps), without_effect)
            continue
        close = get_close_matches(steps[-1], known, n=1) if number < _MOST_SUGGESTIONS else []
        yield Problem(path_of(steps), "is not a known key" + "".join(f"; did you mean {key}?" for key in close))


@dataclass(frozen=True, slots=True)
class Options:
    """What keys a value may have: those of a model, of a list's items, or any (a map)."""

    model: type[BaseModel] | None = None
    items: "Options | None" = None
    values: "Options | None" = None


@dataclass(frozen=True, slots=True)
class Member:
    """A key that a model knows."""

    required: bool
    options: Options


def _clean(value: Any, options: Options, steps: Steps, unknown: list[UnknownKey]) -> Any:
    if isinstance(value, list) and options.items is not None:
        return [_clean(item, options.items, (*steps, index), unknown) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if options.model is None:
        values = options.values
        return {key: _clean(each, values, (*steps, key), unknown) for key, each in value.items()} if values else value
    members = _members(options.model)
    kept = {}
    for key, member in value.items():
        if key not in members:
            if member is not None or _names((*steps, key)) not in _WITHOUT_EFFECT:
                unknown.append(((*steps, key), members))
        elif members[key].required or member is not None:
            kept[key] = _clean(member, members[key].options, (*steps, key), unknown)
    return kept


def _names(steps: Steps) -> tuple[str, ...]:
    """A path without its list indexes."""
    return tuple(step for step in steps if isinstance(step, str))


@cache
def _members(model: type[BaseModel]) -> dict[str, Member]:
    return {
        field.alias or name: Member(field.is_required(), _options(field.annotation))
        for name, field in model.model_fields.items()
    }


def _options(annotation: Any) -> Options:
    model = items = values = None
    for kind in _alternatives(annotation):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
        elif get_origin(kind) is tuple:
            items = _options(get_args(kind)[0])
        elif get_origin(kind) is dict:
            values = _options(get_args(kind)[1])
    return Options(model, items, values)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types of a union, without their annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for kind in get_args(annotation):
            yield from _alternatives(kind)
    else:
        yield annotation
