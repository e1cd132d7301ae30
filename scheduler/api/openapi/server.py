"""The chapter on the scheduler itself."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    COUNT,
    FLAG,
    ON_HOLD,
    TEXT,
    TEXT_OR_NULL,
    WITH_EXTRAS,
    answer,
    extras,
    in_query,
    list_of,
    record,
    reference,
    refusal,
)
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_PLACE: Json = {"type": "string", "pattern": "^[0-9]{0,19}$"}
_EXPOSITION = answer("The metrics.", TEXT, media_types=("text/plain", "application/openmetrics-text"))

PATHS: dict[str, Json] = {
    "/v2/events": {
        "get": {
            "operationId": "followEvents",
            "summary": "What happens, as it happens; does not end",
            "parameters": [
                in_query("event_type", "Only events of these types; by default all of Marathon's.", list_of(TEXT)),
                in_query("embed", f"`{KEY}` adds the types that Marathon does not have.", list_of(TEXT)),
                in_query("lastEventId", "As the header Last-Event-ID, for clients that cannot set it.", _PLACE),
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "Tell of all that followed this event, as far as it is kept; else, from now on.",
                    "schema": _PLACE,
                },
            ],
            "responses": {
                "200": answer(
                    "Server-sent events: `id` a number that goes up by one, `event` the kind, `data` JSON with "
                    "`eventType` and `timestamp`.",
                    TEXT,
                    media_types=("text/event-stream",),
                ),
                "400": refusal("The last event's id is no number."),
                "406": refusal("The client does not accept text/event-stream."),
            },
        },
    },
    "/v2/info": {
        "get": {
            "operationId": "getInfo",
            "summary": "The scheduler, its framework, its options, its Mesos",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The information.", reference("Info"))},
        },
    },
    "/v2/leader": {
        "get": {
            "operationId": "getLeader",
            "summary": "Who leads",
            "responses": {"200": answer("The leader.", record("The leader.", {"leader": TEXT}))},
        },
        "delete": {
            "operationId": "abdicate",
            "summary": "Have the leader give up: its process ends, for whoever watches over it to start one again",
            "responses": {"200": answer("It is going to end.", record("That.", {"message": TEXT}))},
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
    "/metrics": {
        "get": {
            "operationId": "getMetrics",
            "summary": "What the scheduler measures of itself; for who accepts it, as Prometheus reads it",
            "responses": {
                "200": _EXPOSITION
                | {"content": {"application/json": {"schema": reference("Metrics")}, **_EXPOSITION["content"]}}
            },
        },
    },
    "/metrics/prometheus": {
        "get": {
            "operationId": "getPrometheusMetrics",
            "summary": "What the scheduler measures of itself, as Prometheus reads it",
            "responses": {"200": _EXPOSITION},
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
    "/docs": {
        "get": {
            "operationId": "getDocs",
            "summary": "This document as a page for people",
            "responses": {"200": answer("The page; it loads nothing.", TEXT, media_types=("text/html",))},
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

_COUNT_ONLY = {"type": "object", "additionalProperties": record("A count.", {"count": AMOUNT})}
_TIMER = record(
    "How long something took, in seconds; quantiles as far as buckets tell.",
    {"count": COUNT, "mean": AMOUNT, "max": AMOUNT, "duration_units": {"const": "seconds"}}
    | dict.fromkeys(("p50", "p75", "p95", "p98", "p99", "p999"), AMOUNT),
)

SCHEMAS: dict[str, Json] = {
    "Metrics": record(
        "Metrics by their names, as Dropwizard writes them.",
        {
            "version": TEXT,
            "gauges": {"type": "object", "additionalProperties": record("A value.", {"value": AMOUNT})},
            "counters": _COUNT_ONLY,
            "histograms": {"type": "object", "maxProperties": 0},
            "meters": {"type": "object", "maxProperties": 0},
            "timers": {"type": "object", "additionalProperties": _TIMER},
        },
    ),
    "Info": record(
        "The scheduler, its framework, its options, its Mesos.",
        {
            "name": TEXT,
            "version": TEXT,
            "elected": FLAG,
            "leader": TEXT,
            "frameworkId": TEXT_OR_NULL,
            "marathon_config": {"type": "object", "description": "The options that Marathon has too, under its names."},
            "buildref": {"type": "null"},
            "zookeeper_config": {"type": "object", "maxProperties": 0},
            "http_config": record("Where the API is served.", {"http_port": COUNT}),
        },
        extras(
            {
                "config": {"type": "object", "description": "The other options."},
                "mesos": record(
                    "The master that leads.", {"version": TEXT_OR_NULL, "master": TEXT_OR_NULL, "connected": FLAG}
                ),
                "namesakes": list_of(
                    record(
                        "A framework of the same name with running tasks, found when this one was new.",
                        {"id": TEXT, "connected": FLAG},
                    )
                ),
                "onHold": ON_HOLD,
            }
        ),
    ),
}
