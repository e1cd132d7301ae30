"""The API in OpenAPI 3.1: every route with its parameters, bodies, answers and headers.

Written, not derived from the routes: they take ids with slashes, answer Marathon's bodies and know no types of them.
Tests compare it with the routes, and fuzz the API by it.
"""

from functools import cache
from typing import Any

from scheduler.api.openapi import deployments, groups, inside, instances, parts, pods, server
from scheduler.model.json import Json
from scheduler.model.jsonschema import definition_schema

_CHAPTERS = (pods, instances, deployments, groups, server)
_PATHS = {path: operations for chapter in _CHAPTERS for path, operations in chapter.PATHS.items()}
_SCHEMAS = {name: schema for chapter in (parts, *_CHAPTERS, inside) for name, schema in chapter.SCHEMAS.items()}

_ELSEWHERE = frozenset({"$ref", "oneOf", "anyOf"})  # where a schema says its type by others


@cache
def document(version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "podexec", "version": version, "description": "Pods on Apache Mesos: Marathon's `/v2/pods`."},
        "paths": {path: _with_head(operations) for path, operations in _PATHS.items()} | inside.PATHS,
        "components": {"schemas": _definition_components() | _SCHEMAS},
    }


def _definition_components() -> dict[str, Json]:
    """The definition's schema with its inner definitions beside it, where OpenAPI's tools look for them."""
    schema = definition_schema()
    inner = schema.pop("$defs")
    del schema["$schema"]
    return {name: _component(each) for name, each in {**inner, "PodDefinition": schema}.items()}


def _component(schema: Json) -> Json:
    """A part of the definition's schema as generators of clients can make a type of it, named as the component is.

    What cannot be said of a type alone, the description says.
    """
    told: Json = {key: member for key, member in _moved(schema).items() if key not in ("title", "anyOf")}
    return told


def _moved(value: Any) -> Any:
    """The same with its inner references pointing at the components.

    And without defaults beside a choice or a reference: where a generator cannot make a value of them, it drops the
    whole schema, and with it all that refers to it.
    """
    if isinstance(value, list):
        return [_moved(item) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {
        key: member.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(member)
        for key, member in value.items()
        if key != "default" or _ELSEWHERE.isdisjoint(value)
    }
    for pattern, member in moved.pop("patternProperties", {}).items():  # there is but one where there is one
        moved |= {"propertyNames": {"pattern": pattern}, "additionalProperties": member}
    return moved


def _with_head(operations: Json) -> Json:
    """HEAD is answered wherever GET is, with the same headers and no body."""
    if "get" not in operations:
        return operations
    get = operations["get"]
    head = get | {
        "operationId": f"{get['operationId']}Head",
        "summary": f"{get['summary']}: only the headers",
        "responses": {
            status: {key: member for key, member in answer.items() if key != "content"}
            for status, answer in get["responses"].items()
        },
    }
    return operations | {"head": head}
