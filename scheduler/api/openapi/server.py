"""The chapter on the scheduler itself."""

from scheduler.api.openapi.parts import COUNT, FLAG, TEXT, TEXT_OR_NULL, answer, record, reference
from scheduler.model.json import Json

PATHS: dict[str, Json] = {
    "/v2/info": {
        "get": {
            "operationId": "getInfo",
            "summary": "The scheduler, its framework, its options, its Mesos",
            "responses": {"200": answer("The information.", reference("Info"))},
        },
    },
    "/v2/schemas/pod": {
        "get": {
            "operationId": "getPodSchema",
            "summary": "The JSON Schema of a pod definition",
            "responses": {
                "200": answer("The schema.", {"type": "object"}, media_types=("application/schema+json",)),
            },
        },
    },
    "/ping": {
        "get": {
            "operationId": "ping",
            "summary": "Whether the scheduler answers",
            "responses": {
                "200": answer("It does.", {"const": "pong"}, media_types=("text/plain", "application/json")),
            },
        },
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenApi",
            "summary": "This document",
            "responses": {"200": answer("The document.", {"type": "object"})},
        },
    },
}

SCHEMAS: dict[str, Json] = {
    "Info": record(
        "The scheduler, its framework, its options, its Mesos.",
        {
            "name": TEXT,
            "version": TEXT,
            "elected": FLAG,
            "leader": TEXT,
            "frameworkId": TEXT_OR_NULL,
            "marathon_config": {"type": "object", "description": "The options, under Marathon's names."},
            "http_config": record("Where the API is served.", {"http_port": COUNT}),
            "mesos": record(
                "The master that leads.", {"version": TEXT_OR_NULL, "master": TEXT_OR_NULL, "connected": FLAG}
            ),
        },
    ),
}
