"""The schema stage: from a decoded JSON document to a pod definition, with Marathon's error keys.

Checks types, required keys, ranges and patterns, and reports all problems at once. Nulls count as absent where a key is
optional. Unknown keys are ignored, and reported on request. Rules that join fields are in ``rules``.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scheduler.model.definition import PodDefinition
from scheduler.model.ids import is_path
from scheduler.model.keys import cleaned, unknown_key_problems
from scheduler.model.problems import Problem, Problems, Stage, Steps, path_of, places
from scheduler.model.values import TAG

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


_COMMANDS = (
    "/containers()/exec/command",
    "/containers()/healthCheck/exec/command",
    "/containers()/healthChecks()/exec/command",
    "/containers()/check/exec/command",
    "/containers()/readinessCheck/exec/command",
    "/containers()/lifecycle/preStop/command",
)


def check(document: Any, strict: bool = False) -> PodDefinition | Problems:
    """The definition in a document, or all of its problems; if strict, unknown keys are problems."""
    known, unknown = cleaned(document, PodDefinition)
    try:
        text = orjson.dumps(known)
        definition = PodDefinition.model_validate_json(text, by_alias=True, by_name=False)
        problems: list[Problem] = []
    except orjson.JSONEncodeError as error:
        return Problems(Stage.SYNTAX, (Problem("/", f"nested too deeply: {error}"),))
    except ValidationError as error:
        details = error.errors(include_url=False)
        if details[0]["type"] == "json_invalid":
            return Problems(Stage.SYNTAX, (Problem("/", f"nested too deeply: {details[0]['msg']}"),))
        problems = _translated(details, document)
    problems += _beyond_types(document)
    if strict:
        problems += unknown_key_problems(unknown)
    return Problems(Stage.SCHEMA, tuple(problems)) if problems else definition


def unknown_keys(document: Any) -> tuple[Problem, ...]:
    """The keys of a document that a definition does not have."""
    return tuple(unknown_key_problems(cleaned(document, PodDefinition)[1]))


def _translated(details: list[ErrorDetails], document: Any) -> list[Problem]:
    """Pydantic's errors as Marathon's."""
    locations = [_untagged(detail["loc"], document) for detail in details]
    around = {location[:length] for location in locations for length in range(len(location))}
    problems = []
    for detail, location in zip(details, locations, strict=True):
        if detail["type"] == "too_short" and location in around:
            continue  # the only item of the list is itself at fault; pydantic does not count it
        steps = location[:-1] if location[-2:] == ("scaling", "kind") or location[-1:] == ("[key]",) else location
        problems.append(Problem(path_of(steps), _error(detail)))
    return problems


def _untagged(steps: Steps, document: Any) -> Steps:
    """The place of an error without pydantic's tag for the type it took a value for."""
    kept = []
    value = document
    for step in steps:
        if isinstance(step, str) and step.startswith(TAG) and not (isinstance(value, dict) and step in value):
            continue
        kept.append(step)
        try:
            value = value[step]
        except (LookupError, TypeError):
            value = None
    return tuple(kept)


def _error(detail: ErrorDetails) -> str:
    given = detail["input"]
    if detail["type"] == "int_type" and isinstance(given, float):
        return "error.expected.int"
    if detail["type"] == "literal_error" and not isinstance(given, str):
        return "error.expected.jsstring"
    return _ERRORS.get(detail["type"], detail["msg"])


def _beyond_types(document: Any) -> Iterator[Problem]:
    """Parts of the schema that no type expresses: the shape of the id, dates, and commands that are not empty."""
    for place in places(document, "/id"):
        if isinstance(place.value, str) and place.value and not is_path(place.value):
            yield Problem(place.path, "error.pattern")
    for place in places(document, "/version"):
        if isinstance(place.value, str) and not _is_moment(place.value):
            yield Problem(place.path, "error.expected.date")
    for pattern in _COMMANDS:
        for place in places(document, pattern):
            command = place.value
            if isinstance(command, dict) and command.get("shell") is None and command.get("argv") is None:
                yield Problem(place.path, "is undefined: one of shell and argv is required")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
