"""The API in OpenAPI 3.1: every route with its parameters, bodies, answers and headers.

Written by hand, not derived from the routes: their ids contain slashes and their bodies are Marathon's, without types.
Tests compare the document with the routes, and use it to fuzz the API.
"""

from functools import cache
from typing import Any

from scheduler.api.openapi import agents, deployments, groups, inside, instances, orphans, parts, pods, server
from scheduler.model.json import Json
from scheduler.model.jsonschema import definition_schema

_CHAPTERS = (pods, instances, deployments, agents, orphans, groups, server)
_PATHS = {path: operations for chapter in _CHAPTERS for path, operations in chapter.PATHS.items()}
_SCHEMAS = {name: schema for chapter in (parts, *_CHAPTERS, inside) for name, schema in chapter.SCHEMAS.items()}

_REFUSALS: Json = {
    "401": parts.refusal("The credentials are missing or not valid."),
    "403": parts.refusal("The caller lacks a permission."),
}
# None is needed if the scheduler has no access control.
_SECURITY: Json = {
    "password": {"type": "http", "scheme": "basic"},
    "token": {"type": "http", "scheme": "bearer"},
}
_ELSEWHERE = frozenset({"$ref", "oneOf", "anyOf"})  # members by which a schema refers to others for its type


@cache
def document(version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "podexec", "version": version, "description": "Pods on Apache Mesos: Marathon's `/v2/pods`."},
        "paths": {
            path: _with_refusals(operations)
            for path, operations in ({path: _with_head(each) for path, each in _PATHS.items()} | inside.PATHS).items()
        },
        "components": {"schemas": _definition_components() | _SCHEMAS, "securitySchemes": _SECURITY},
        "security": [{}, *({name: []} for name in _SECURITY)],
    }


def _with_refusals(operations: Json) -> Json:
    """What every operation may be answered with if the scheduler has access control."""
    return {
        name: each | {"responses": _REFUSALS | each["responses"]} if "responses" in each else each
        for name, each in operations.items()
    }


def _definition_components() -> dict[str, Json]:
    """The definition's schema and its inner definitions, as components, where OpenAPI's tools look for them."""
    schema = definition_schema()
    inner = schema.pop("$defs")
    del schema["$schema"]
    return {name: _component(each) for name, each in {**inner, "PodDefinition": schema}.items()}


def _component(schema: Json) -> Json:
    """A part of the definition's schema in a form from which client generators make a type, named like the component.

    What a type cannot express is in the description.
    """
    component: Json = {key: member for key, member in _moved(schema).items() if key not in ("title", "anyOf")}
    return component


def _moved(value: Any) -> Any:
    """The schema with references to components, and without defaults next to a choice or a reference.

    A generator that cannot make a value of such a default drops the whole schema and everything that refers to it.
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
    for pattern, member in moved.pop("patternProperties", {}).items():  # never more than one
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
