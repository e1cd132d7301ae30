"""The API in OpenAPI 3.1: every route with its parameters, bodies, answers and headers. Served at ``/openapi.json``.

Written, not derived from the routes: they take ids with slashes, answer Marathon's bodies and know no types of them.
Tests compare it with the routes, and fuzz the API by it.
"""

from functools import cache
from typing import Any

import orjson
from fastapi import APIRouter, Response

from scheduler.api.answers import SCHEMAS, reference
from scheduler.api.errors import json_response
from scheduler.model.json import Json
from scheduler.model.jsonschema import definition_schema

_POD_ID = {
    "name": "pod_id",
    "in": "path",
    "required": True,
    "description": "The pod's id without its first slash. Slashes within it may be written as they are, or as %2F.",
    "schema": {"type": "string", "minLength": 1, "pattern": "^[^:]+$"},
    "example": "product/web",
}
_FORCE = {
    "name": "force",
    "in": "query",
    "description": "Accepted for Marathon's clients; there are no deployments that could lock a pod.",
    "schema": {"type": "boolean", "default": False},
}
_EVERY_ANSWER = {
    "X-Marathon-Leader": {"description": "The URL of the scheduler that answered.", "schema": {"type": "string"}},
    "Cache-Control": {"schema": {"const": "no-cache, no-store, must-revalidate"}},
}
_DEPLOYMENT_ID = {"description": "The change's own id.", "required": True, "schema": {"type": "string"}}


@cache
def document(version: str) -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "podexec", "version": version, "description": "Pods on Apache Mesos: Marathon's `/v2/pods`."},
        "paths": {path: _with_head(operations) for path, operations in (_PODS | _SERVER).items()},
        "components": {"schemas": _definition_components() | SCHEMAS},
    }


def router(version: str) -> APIRouter:
    """``/openapi.json``, and ``/v2/schemas/pod`` for editors."""
    routes = APIRouter(include_in_schema=False)

    async def show_document() -> Response:
        return json_response(document(version))

    async def show_definition() -> Response:
        return Response(orjson.dumps(definition_schema()), media_type="application/schema+json")

    routes.add_api_route("/openapi.json", show_document, methods=["GET", "HEAD"])
    routes.add_api_route("/v2/schemas/pod", show_definition, methods=["GET", "HEAD"])
    return routes


def _definition_components() -> dict[str, Json]:
    """The definition's schema with its inner definitions beside it, where OpenAPI's tools look for them."""
    schema = _moved(definition_schema())
    inner: dict[str, Json] = schema.pop("$defs", {})
    schema.pop("$schema", None)
    schema.pop("$id", None)
    return inner | {"PodDefinition": schema}


def _moved(value: Any) -> Any:
    """The schema with its inner references pointing at the components."""
    if isinstance(value, list):
        return [_moved(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: member.replace("#/$defs/", "#/components/schemas/") if key == "$ref" else _moved(member)
        for key, member in value.items()
    }


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


def _answer(
    description: str,
    schema: Json | None,
    headers: Json | None = None,
    media_types: tuple[str, ...] = ("application/json",),
) -> Json:
    answer: Json = {"description": description, "headers": _EVERY_ANSWER | (headers or {})}
    if schema is not None:
        answer["content"] = {media_type: {"schema": schema} for media_type in media_types}
    return answer


_MESSAGE = reference("Message")
_ABSENT = {"404": _answer("There is no such pod.", _MESSAGE)}
_STOPPING = {"503": _answer("The scheduler is stopping.", _MESSAGE)}
_UNREADABLE = {
    "400": _answer("The body is empty or not JSON, or the path is another pod's.", _MESSAGE),
    "413": _answer("The body is larger than 1 MiB.", _MESSAGE),
    "415": _answer("The body is not said to be JSON.", _MESSAGE),
    "422": _answer("The definition is not valid, or no agent could run it.", reference("DefinitionProblems")),
}


def _list_of(name: str) -> Json:
    return {"type": "array", "items": reference(name)}


_DEFINITION_IN = {
    "required": True,
    "description": "The pod definition.",
    "content": {"application/json": {"schema": reference("PodDefinition")}},
}

_PODS: dict[str, Json] = {
    "/v2/pods": {
        "get": {
            "operationId": "listPods",
            "summary": "Every pod's definition",
            "responses": {"200": _answer("The definitions.", _list_of("PodDefinition"))},
        },
        "post": {
            "operationId": "createPod",
            "summary": "Create a pod",
            "parameters": [_FORCE],
            "requestBody": _DEFINITION_IN,
            "responses": {
                "201": _answer(
                    "Created, and on disk; the definition is shown as it is stored.",
                    reference("PodDefinition"),
                    {
                        "Marathon-Deployment-Id": _DEPLOYMENT_ID,
                        "Location": {"description": "The pod.", "required": True, "schema": {"type": "string"}},
                    },
                ),
                "409": _answer("There is a pod with this id.", _MESSAGE),
                **_UNREADABLE,
                **_STOPPING,
            },
        },
    },
    "/v2/pods/{pod_id}": {
        "parameters": [_POD_ID],
        "get": {
            "operationId": "getPod",
            "summary": "One pod's definition",
            "responses": {"200": _answer("The definition.", reference("PodDefinition")), **_ABSENT},
        },
        "put": {
            "operationId": "putPod",
            "summary": "Change a pod, or create it",
            "parameters": [_FORCE],
            "requestBody": _DEFINITION_IN,
            "responses": {
                "200": _answer(
                    "Changed, and on disk; the definition is shown as it is stored.",
                    reference("PodDefinition"),
                    {"Marathon-Deployment-Id": _DEPLOYMENT_ID},
                ),
                "404": _answer("This cannot be a pod's path.", _MESSAGE),
                **_UNREADABLE,
                **_STOPPING,
            },
        },
        "delete": {
            "operationId": "deletePod",
            "summary": "Remove a pod; its instances end in the background",
            "parameters": [_FORCE],
            "responses": {
                "202": _answer(
                    "Removed, on disk too.",
                    None,
                    {"Marathon-Deployment-Id": _DEPLOYMENT_ID, "Location": _DEPLOYMENT_ID},
                ),
                **_ABSENT,
                **_STOPPING,
            },
        },
    },
    "/v2/pods::status": {
        "get": {
            "operationId": "listPodStatuses",
            "summary": "Every pod's status",
            "responses": {"200": _answer("The statuses.", _list_of("PodStatus"))},
        },
    },
    "/v2/pods/{pod_id}::status": {
        "parameters": [_POD_ID],
        "get": {
            "operationId": "getPodStatus",
            "summary": "One pod's status",
            "responses": {"200": _answer("The status.", reference("PodStatus")), **_ABSENT},
        },
    },
}

_SERVER: dict[str, Json] = {
    "/v2/info": {
        "get": {
            "operationId": "getInfo",
            "summary": "The scheduler, its framework, its options, its Mesos",
            "responses": {"200": _answer("The information.", reference("Info"))},
        },
    },
    "/v2/schemas/pod": {
        "get": {
            "operationId": "getPodSchema",
            "summary": "The JSON Schema of a pod definition",
            "responses": {
                "200": _answer("The schema.", {"type": "object"}, media_types=("application/schema+json",)),
            },
        },
    },
    "/ping": {
        "get": {
            "operationId": "ping",
            "summary": "Whether the scheduler answers",
            "responses": {
                "200": _answer("It does.", {"const": "pong"}, media_types=("text/plain", "application/json")),
            },
        },
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenApi",
            "summary": "This document",
            "responses": {"200": _answer("The document.", {"type": "object"})},
        },
    },
}
