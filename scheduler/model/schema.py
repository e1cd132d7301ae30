"""From a decoded JSON document to a pod definition: types, required keys, ranges, patterns; Marathon's error keys.

Nulls count as absent where a key is optional. All that is wrong is told at once.
Rules that join fields are in ``rules``.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, get_args

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scheduler.model.definition import PodDefinition
from scheduler.model.ids import is_path
from scheduler.model.problems import Problem, Problems, Stage, path_of, places

_ERRORS = {
    "string_type": "error.expected.jsstring",
    "float_type": "error.expected.jsnumber",
    "int_type": "error.expected.jsnumber",
    "bool_type": "error.expected.jsboolean",
    "model_type": "error.expected.jsobject",
    "dict_type": "error.expected.jsobject",
    "tuple_type": "error.expected.jsarray",
    "missing": "error.path.missing",
    "string_too_short": "error.minLength",
    "string_too_long": "error.maxLength",
    "too_short": "error.minLength",
    "greater_than_equal": "error.min",
    "less_than_equal": "error.max",
    "string_pattern_mismatch": "error.pattern",
    "literal_error": "error.unknown.enum.literal",
}


def check(document: Any) -> PodDefinition | Problems:
    """The definition a document spells, or all that keeps it from being one."""
    try:
        text = orjson.dumps(_without_nulls(document, PodDefinition))
        definition = PodDefinition.model_validate_json(text, by_alias=True, by_name=False)
        problems: list[Problem] = []
    except orjson.JSONEncodeError as error:
        return Problems(Stage.SYNTAX, (Problem("/", f"nested too deeply: {error}"),))
    except ValidationError as error:
        details = error.errors(include_url=False)
        if details[0]["type"] == "json_invalid":
            return Problems(Stage.SYNTAX, (Problem("/", f"nested too deeply: {details[0]['msg']}"),))
        problems = _translated(details)
    problems += _beyond_types(document)
    return Problems(Stage.SCHEMA, tuple(problems)) if problems else definition


def _translated(details: list[ErrorDetails]) -> list[Problem]:
    """Pydantic's errors as Marathon's."""
    locations = [detail["loc"] for detail in details]
    problems = []
    for detail, location in zip(details, locations, strict=True):
        inner = (other for other in locations if len(other) > len(location) and other[: len(location)] == location)
        if detail["type"] == "too_short" and any(inner):
            continue  # the only item of the list is itself at fault; pydantic counts it as not there
        steps = location[:-1] if location[-2:] == ("scaling", "kind") or location[-1:] == ("[key]",) else location
        problems.append(Problem(path_of(steps), _error(detail)))
    return problems


def _error(detail: ErrorDetails) -> str:
    given = detail["input"]
    if detail["type"] == "int_type" and isinstance(given, float):
        return "error.expected.int"
    if detail["type"] == "literal_error" and not isinstance(given, str):
        return "error.expected.jsstring"
    return _ERRORS.get(detail["type"], detail["msg"])


def _beyond_types(document: Any) -> Iterator[Problem]:
    """What belongs to the schema but not to a type: the shape of the id, dates, and that a command says something."""
    for place in places(document, "/id"):
        if isinstance(place.value, str) and place.value and not is_path(place.value):
            yield Problem(place.path, "error.pattern")
    for place in places(document, "/version"):
        if isinstance(place.value, str) and not _is_moment(place.value):
            yield Problem(place.path, "error.expected.date")
    for pattern in ("/containers()/exec/command", "/containers()/healthCheck/exec/command"):
        for place in places(document, pattern):
            command = place.value
            if isinstance(command, dict) and command.get("shell") is None and command.get("argv") is None:
                yield Problem(place.path, "is undefined: one of shell and argv is required")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _without_nulls(value: Any, model: type[BaseModel] | None) -> Any:
    """The value without its unknown keys and without the optional keys that are null."""
    if model is None:
        return value
    if isinstance(value, list):
        return [_without_nulls(item, model) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, (required, inner) in _members(model).items():
        if key in value and (required or value[key] is not None):
            kept[key] = _without_nulls(value[key], inner)
    return kept


@cache
def _members(model: type[BaseModel]) -> dict[str, tuple[bool, type[BaseModel] | None]]:
    """The JSON keys of a model: whether each is required, and the model of its value or of its items."""
    return {
        field.alias or name: (field.is_required(), _model_in(field.annotation))
        for name, field in model.model_fields.items()
    }


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)
