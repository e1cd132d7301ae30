"""The differences between two definitions, field by field, as people read them.

Members of lists are compared by their names, where all have one, so that a container that was inserted does not make
all others differ. Values of environment variables are often secrets that should be ones: only that they differ is told.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from scheduler.model.frozen import Frozen
from scheduler.model.json import Json

MOST = 200  # fields that are listed
_MOST_COUNTED = 100_000
_LONGEST = 500  # characters of a value
_ENVIRONMENT = "environment"
_ABSENT: Any = object()


class Difference(Frozen):
    """A field that differs.

    Attributes:
        path: as in errors about definitions, but members of lists have their names if they have some.
        before, after: JSON, clipped; None: there is none, or it is hidden.
    """

    path: str
    before: str | None
    after: str | None
    hidden: bool = False


class Differences(Frozen):
    """The first differing fields, and the number of those that are left out."""

    fields: tuple[Difference, ...]
    left_out: int = 0


def differences(before: Json, after: Json) -> Differences:
    """The differences between two definitions in JSON, without those of their versions."""
    found = _of_objects("", _without_version(before), _without_version(after))
    fields = tuple(islice(found, MOST))
    return Differences(fields, sum(1 for _ in islice(found, _MOST_COUNTED)))


def shown(found: Differences) -> Json:
    """The differences in JSON, as members of an answer of the API."""
    return {
        "differences": [
            {
                "path": each.path,
                **({"hidden": True} if each.hidden else {}),
                **({} if each.before is None else {"before": each.before}),
                **({} if each.after is None else {"after": each.after}),
            }
            for each in found.fields
        ],
        **({"differencesLeftOut": found.left_out} if found.left_out else {}),
    }


def _without_version(definition: Json) -> Json:
    return {name: value for name, value in definition.items() if name != "version"}


def _of_objects(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys((*after, *before)):
        values = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if values[0] != values[1]:
            here = f"{path}/{name}"
            if name == _ENVIRONMENT and not any(isinstance(each, str) for each in values):  # a label may have that name
                yield from _of_environments(here, *values)
            else:
                yield from _of_values(here, *values)


def _of_environments(path: str, before: Any, after: Any) -> Iterator[Difference]:
    old, new = (each if isinstance(each, dict) else {} for each in (before, after))
    for name in dict.fromkeys((*new, *old)):
        values = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if values[0] != values[1]:
            if any(isinstance(each, dict) for each in values):  # a reference to a secret: its name, not its value
                yield Difference(f"{path}/{name}", _reference(values[0]), _reference(values[1]))
            else:
                yield Difference(f"{path}/{name}", None, None, hidden=True)


def _reference(value: Any) -> str | None:
    return _text(value) if isinstance(value, dict) or value is _ABSENT else "(hidden)"


def _of_values(path: str, before: Any, after: Any) -> Iterator[Difference]:
    old, new = (None if each is _ABSENT else each for each in (before, after))
    if isinstance(new or old, dict) and _are(dict, old, new):
        yield from _of_objects(path, old or {}, new or {})
    elif isinstance(new or old, list) and _are(list, old, new):
        yield from _of_lists(path, old or [], new or [])
    else:
        yield Difference(path, _text(before), _text(after))


def _are(kind: type, *values: Any) -> bool:
    return all(each is None or isinstance(each, kind) for each in values)


def _of_lists(path: str, before: list[Any], after: list[Any]) -> Iterator[Difference]:
    old, new = _by_name(before), _by_name(after)
    if old is None or new is None:
        old, new = dict(enumerate(before)), dict(enumerate(after))
    elif [name for name in old if name in new] != [name for name in new if name in old]:
        yield Difference(path, _text(list(old)), _text(list(new)))
    for name in dict.fromkeys((*new, *old)):
        values = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if values[0] != values[1]:
            yield from _of_values(f"{path}({name})", *values)


def _by_name(members: list[Any]) -> dict[Any, Any] | None:
    """The members by their names; None: not each has one of its own."""
    named = {each["name"]: each for each in members if isinstance(each, dict) and isinstance(each.get("name"), str)}
    return named if len(named) == len(members) else None


def _text(value: Any) -> str | None:
    if value is _ABSENT:
        return None
    text = orjson.dumps(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
