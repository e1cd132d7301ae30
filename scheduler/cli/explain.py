"""``podexec pod explain``: a field of the pod definition, from its reference. Needs no scheduler."""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from scheduler.cli import screen
from scheduler.cli.errors import CommandError
from scheduler.cli.look import TABLE, Look, Output, View, look_of, print_view
from scheduler.model.json import Json as Object

_MOST_SUGGESTIONS = 6
_DEEPEST = 12
_STEP = re.compile(r"[^./()\[\]]+")
_INDEX = re.compile(r"[0-9]+|\*")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field, or the pod itself.

    Attributes:
        owner: the object that it is a field of; empty: it is the pod.
        schema: its part of the JSON Schema.
        objects: the names of the objects that its value is or contains.
    """

    path: tuple[str, ...]
    owner: str
    name: str
    schema: Object
    objects: tuple[str, ...]
    required: bool = False


def explain(
    field: Annotated[
        str | None,
        typer.Argument(metavar="[FIELD]", help="E.g. containers.resources.cpus; without it, the fields of a pod."),
    ] = None,
    form: Output = TABLE,
) -> None:
    """Explain a field of the pod definition: its type, default, bounds, meaning and fields."""
    from scheduler.model.jsonschema import definition_schema

    schema = definition_schema()
    found = _find(schema, _STEP.findall(field or ""))
    names = [".".join((*found.path, key)) for each in found.objects for key in _properties(schema, each)]
    print_view(View(found.schema, names, lambda look: _draw(schema, found, look)), look_of(form, as_json=False))


def _find(schema: Object, steps: Sequence[str]) -> _Field:
    """The field of a path, in which indexes and keys of maps may be left out. Raises CommandError."""
    found, in_map = _Field((), "", "Pod", schema, ("PodDefinition",)), False
    for step in steps:
        below = _fields(schema, found)
        if step in below:
            found, in_map = below[step], _is_map(below[step].schema)
        elif in_map:
            in_map = False  # a key
        elif not _INDEX.fullmatch(step):
            raise _unknown(schema, found, step, steps)
    return found


def _fields(schema: Object, of: _Field) -> dict[str, _Field]:
    found = {}
    for name in of.objects:
        part = _part(schema, name)
        for key, member in part["properties"].items():
            objects = tuple(dict.fromkeys(_references(member)))
            found[key] = _Field((*of.path, key), name, key, member, objects, key in part.get("required", ()))
    return found


def _unknown(schema: Object, found: _Field, step: str, steps: Sequence[str]) -> CommandError:
    place = f"{'.'.join(found.path)} has" if found.path else "a pod has"
    there = _fields(schema, found)
    close = difflib.get_close_matches(step, there, _MOST_SUGGESTIONS)
    suggested = [".".join((*found.path, each)) for each in close]
    if not suggested:
        every = list(_every(schema, _find(schema, ()), 0))
        ending = tuple(steps)
        suggested = [".".join(each) for each in every if each[-len(ending) :] == ending]
        suggested += [".".join(each) for each in every if each[-1:] == (step,)]
    suggested = sorted(dict.fromkeys(suggested), key=lambda each: (each.count("."), each))
    if not suggested and not there:
        advice = f"{'.'.join(found.path)} has no fields. To see what it is: podexec pod explain {'.'.join(found.path)}"
    elif not suggested:
        advice = f"Its fields: {', '.join(there)}"
    else:
        advice = f"Did you mean {' or '.join(suggested[:_MOST_SUGGESTIONS])}?"
    return CommandError(f"{place} no field {step!r}", advice=advice, code=2)


def _every(schema: Object, of: _Field, depth: int) -> Iterator[tuple[str, ...]]:
    """The paths of all fields below a field."""
    for each in _fields(schema, of).values() if depth < _DEEPEST else ():
        yield each.path
        yield from _every(schema, each, depth + 1)


def _draw(schema: Object, found: _Field, look: Look) -> Iterator[screen.Part]:
    from scheduler.model.reference import absent_of, kind_of

    if found.owner:
        yield ".".join(found.path)
        yield f"  type      {_plain(kind_of(found.schema))}"
        default = "required" if found.required else _plain(absent_of(found.owner, found.name, found.schema))
        yield f"  default   {default}"
        yield f"  meaning   {_plain(found.schema['description'])}"
        yield from (f"  example   {json.dumps(each)}" for each in found.schema.get("examples", ()))
    for name in found.objects:
        part = _part(schema, name)
        yield ""
        yield f"{'Pod' if name == 'PodDefinition' else name}: {_plain(part['description'])}"
        table = screen.Grid(("FIELD", "TYPE", "DEFAULT", "MEANING"), cut=None if look.wide else "MEANING", ruled=False)
        for key, member in part["properties"].items():
            is_required = key in part.get("required", ())
            default = "required" if is_required else _plain(absent_of(name, key, member))
            table.add(key, _plain(kind_of(member)), default, _plain(member["description"]))
        yield table


def _part(schema: Object, name: str) -> Object:
    part: Object = schema if name == "PodDefinition" else schema["$defs"][name]
    return part


def _properties(schema: Object, name: str) -> Sequence[str]:
    return list(_part(schema, name)["properties"])


def _references(member: Object) -> Iterator[str]:
    """The names of the objects that a value is or contains."""
    if "$ref" in member:
        yield member["$ref"].rpartition("/")[2]
    for each in (*member.get("anyOf", ()), *member.get("oneOf", ())):
        yield from _references(each)
    values = member.get("additionalProperties")
    for inner in (member.get("items"), values, *member.get("patternProperties", {}).values()):
        if isinstance(inner, dict):
            yield from _references(inner)


def _is_map(member: Object) -> bool:
    kinds = (member, *member.get("anyOf", ()), *member.get("oneOf", ()))
    return any(isinstance(each.get("additionalProperties"), dict) or "patternProperties" in each for each in kinds)


def _plain(text: str) -> str:
    """Without Markdown."""
    return re.sub(r"\[(\w+)\]\(#\w+\)", r"\1", text).replace("`", "")
