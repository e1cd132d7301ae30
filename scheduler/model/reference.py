"""The reference of the pod definition as a Markdown page: every object and field, from the models and descriptions.

``docs/definition.md`` is this text; a test keeps it current.
"""

import json
import re
from collections.abc import Iterator

from scheduler.model.descriptions import DESCRIPTIONS
from scheduler.model.json import Json
from scheduler.model.jsonschema import definition_schema

_INTRODUCTION = """\
# The pod definition

Every field, its type, its default and an example. The names are Marathon's; [compatibility](compatibility.md) lists the
differences from Marathon. This page is generated: `podexec pod schema --markdown`.

- A definition is JSON; the command line also accepts YAML. `null` for an optional field is the same as leaving it out.
- Unknown keys are ignored, but `podexec pod validate` reports them; with `--strict-definitions` they are rejected.
- Enumerated values are case-insensitive and shown as written here (only `scaling.kind` must be exactly `fixed`).
- A size is a number of MiB, or a string of a number and a unit: `b`, `k`, `m`, `g`, `t`, or `kb` … `tb`; 1 k is 1024 b.
- Names are 1 to 63 lower-case letters, digits and inner dashes.

`podexec pod validate FILE…` reports everything that is wrong with a definition, with line numbers; `podexec pod schema`
prints its JSON Schema for editors.
"""

_BAR = "\\|"  # within a table
_UNBOUNDED = 2**31 - 1  # the largest value of all numbers without a bound of their own
_NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def reference() -> str:
    """The whole page."""
    schema = definition_schema()
    parts = {"PodDefinition": schema, **schema["$defs"]}
    sections = [_section(name, parts[name]) for name in DESCRIPTIONS]
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, part: Json) -> str:
    title = "Pod" if name == "PodDefinition" else name
    rows = "\n".join(_rows(name, part))
    return f"## {title}\n\n{part['description']}\n\n{rows}\n"


def _rows(name: str, part: Json) -> Iterator[str]:
    yield "| field | type | default | meaning | example |"
    yield "|---|---|---|---|---|"
    required = part.get("required", ())
    for key, member in part["properties"].items():
        description = DESCRIPTIONS[name][key]
        example = json.dumps(description.example, ensure_ascii=False)
        default = "**required**" if key in required else absent_of(name, key, member)
        cells = (f"`{key}`", kind_of(member), default, description.text, f"`{example}`")
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def absent_of(name: str, key: str, member: Json) -> str:
    """What it means if an object lacks this field, in Markdown: the default, and what it depends on."""
    absent = DESCRIPTIONS[name][key].absent
    value = member.get("default")
    if value in (None, [], {}):
        return absent or "none"
    shown = "its defaults" if "$ref" in member else f"`{json.dumps(value)}`"
    return f"{shown}; {absent}" if absent else shown


def kind_of(member: Json) -> str:
    """The type of a field as a phrase in Markdown: what kind of value, in which range."""
    if "$ref" in member:
        name = member["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    kinds = member.get("anyOf") or member.get("oneOf")
    if kinds:
        return " or ".join(dict.fromkeys(kind_of(kind) for kind in kinds))
    if "enum" in member or "const" in member:
        return ", ".join(f"`{value}`" for value in member.get("enum", [member.get("const")]))
    if member["type"] == "array":
        return f"{_least(member.get('minItems'))}list of {_plural(kind_of(member['items']))}"
    if member["type"] == "object":
        values = member.get("additionalProperties") or next(iter(member["patternProperties"].values()))
        return f"map of {_plural(kind_of(values))}"
    return _scalar(member)


def _plural(kind: str) -> str:
    """The plural of a type such as ``non-empty string`` or ``list of strings``; the name of an object has none."""
    if kind.startswith("list of "):
        return f"{kind.removeprefix('list of ').replace('strings', 'string')} lists"
    return kind.replace("string", "strings", 1)


def _scalar(member: Json) -> str:
    kind: str = member["type"]
    pattern = member.get("pattern", "")
    if re.search(r"kKmM", pattern):
        return "size"
    if pattern == _NAME_PATTERN:
        return "name"
    longest = member.get("maxLength")
    if longest:
        return f"{kind} of 1…{longest} characters"
    return _least(member.get("minLength")) + kind + _range(member)


def _range(member: Json) -> str:
    low, high = member.get("minimum"), member.get("maximum", _UNBOUNDED)
    if low is not None and high < _UNBOUNDED:
        return f" {low:g}…{high:g}"
    bounds = {"≥": low, ">": member.get("exclusiveMinimum"), "≤": high if high < _UNBOUNDED else None}
    return ",".join(f" {sign} {bound:g}" for sign, bound in bounds.items() if bound is not None)


def _least(least: int | None) -> str:
    return "non-empty " if least else ""
