"""The JSON Schema of a pod definition, for editors and for the API's OpenAPI document.

Generated from the models and ``descriptions``. It covers the checks of the schema stage, not the rules.
"""

from typing import Any

from scheduler.model.definition import PodDefinition
from scheduler.model.descriptions import DESCRIPTIONS
from scheduler.model.ids import PATTERN
from scheduler.model.json import Json

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NULL = {"type": "null"}


def definition_schema() -> Json:
    """The schema: self-contained, its parts under ``$defs``."""
    schema = PodDefinition.model_json_schema(by_alias=True)
    parts: dict[str, Json] = {PodDefinition.__name__: schema, **schema["$defs"]}
    for name, part in parts.items():
        for key, member in part["properties"].items():
            part["properties"][key] = _described(name, key, _tidy(member))
        part["description"] = " ".join(part["description"].replace("``", "`").split())
    schema["properties"]["id"]["pattern"] = PATTERN
    schema["$defs"]["Command"]["anyOf"] = [{"required": ["shell"]}, {"required": ["argv"]}]
    return {"$schema": _DIALECT, **schema, "title": "Pod"}


def _described(model: str, key: str, member: Json) -> Json:
    description = DESCRIPTIONS[model][key]
    return {**member, "description": description.text, "examples": [description.example]}


def _tidy(member: Json) -> Json:
    """Without titles made from Python's names, and without null as the value of a field that may be left out."""
    tidy: dict[str, Any] = {key: value for key, value in member.items() if key != "title"}
    if tidy.get("default", ...) is None:
        del tidy["default"]
    if _NULL in tidy.get("anyOf", ()):
        kinds = [kind for kind in tidy.pop("anyOf") if kind != _NULL]
        tidy |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return tidy
