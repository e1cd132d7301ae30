"""The reference of the pod definition as a page of Markdown: every object and field, from the models and their words.

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

Every field, its type, its default and an example. Names are Marathon's; what Marathon does otherwise is in
[compatibility](compatibility.md). This page is made from the models: `podexec pod schema --markdown`.

- A definition is JSON, for the command line also YAML. `null` for an optional field is the same as leaving it out.
- Unknown keys are ignored, but `podexec pod validate` tells them; with `--strict-definitions` they are refused.
- Words of a fixed set are taken in any case and shown as written here (`scaling.kind` alone must be exactly `fixed`).
- A size is a number of MiB, or a text of a number and a unit: `b`, `k`, `m`, `g`, `t`, or `kb` … `tb`; 1 k is 1024 b.
- Names are 1 to 63 lower-case letters, digits and inner dashes.

`podexec pod validate FILE…` tells all that is wrong with a definition, with the line; `podexec pod schema` prints its
JSON Schema for editors.
"""

_BAR = "\\|"  # within a table
_NAMES = {"boolean": "true or false", "integer": "whole number", "number": "number", "string": "text"}
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
        words = DESCRIPTIONS[name][key]
        default = "**required**" if key in required else _default(member, words.absent)
        cells = (f"`{key}`", _type(member), default, words.text, f"`{json.dumps(words.example, ensure_ascii=False)}`")
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _default(member: Json, absent: str) -> str:
    value = member.get("default")
    if value in (None, [], {}):
        return absent or "none"
    shown = "its defaults" if "$ref" in member else f"`{json.dumps(value)}`"
    return f"{shown}; {absent}" if absent else shown


def _type(member: Json) -> str:
    """In words: what kind of value, in which range."""
    if "$ref" in member:
        name = member["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    kinds = member.get("anyOf") or member.get("oneOf")
    if kinds:
        return " or ".join(dict.fromkeys(_type(kind) for kind in kinds))
    if "enum" in member or "const" in member:
        return ", ".join(f"`{word}`" for word in member.get("enum", [member.get("const")]))
    if member["type"] == "array":
        return f"list of {_type(member['items'])}{_least(member.get('minItems'))}"
    if member["type"] == "object":
        values = member.get("additionalProperties") or next(iter(member["patternProperties"].values()))
        return f"map of {_type(values)}"
    return _scalar(member)


def _scalar(member: Json) -> str:
    pattern = member.get("pattern", "")
    if re.search(r"kKmM", pattern):
        return "size"
    if pattern == _NAME_PATTERN:
        return "name"
    bounds = [member.get("minimum"), member.get("maximum")]
    if bounds != [None, None]:
        low, high = ("" if bound is None else f"{bound:g}" if bound < 2**31 - 1 else "" for bound in bounds)
        return f"{_NAMES[member['type']]} {low}…{high}" if high else f"{_NAMES[member['type']]} ≥ {low}"
    longest = member.get("maxLength")
    return _NAMES[member["type"]] + (f" of 1…{longest} characters" if longest else _least(member.get("minLength")))


def _least(least: int | None) -> str:
    return ", not empty" if least else ""
