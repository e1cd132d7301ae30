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
            "summary": "Follow the event stream, which does not end",
            "parameters": [
                in_query("event_type", "Only events of these types; by default all of Marathon's.", list_of(TEXT)),
                in_query("embed", f"`{KEY}` adds podexec's own types.", list_of(TEXT)),
                in_query("lastEventId", "Same as the header Last-Event-ID, for clients that cannot set it.", _PLACE),
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "Send the stored events after this one; by default only new ones.",
                    "schema": _PLACE,
                },
            ],
            "responses": {
                "200": answer(
                    "Server-sent events: `id` is a number that increases by one, `event` the type, `data` JSON with "
                    "`eventType` and `timestamp`.",
                    TEXT,
                    media_types=("text/event-stream",),
                ),
                "400": refusal("Last-Event-ID is not a number."),
                "406": refusal("The client does not accept text/event-stream."),
            },
        },
    },
    "/v2/info": {
        "get": {
            "operationId": "getInfo",
            "summary": "Show the scheduler, its framework, its options and its Mesos",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The information.", reference("Info"))},
        },
    },
    "/v2/leader": {
        "get": {
            "operationId": "getLeader",
            "summary": "Show the leader",
            "responses": {"200": answer("The leader.", record("The leader.", {"leader": TEXT}))},
        },
        "delete": {
            "operationId": "abdicate",
            "summary": "Make the leader abdicate: its process ends, so that its supervisor starts a new one",
            "responses": {"200": answer("The process is ending.", record("The result.", {"message": TEXT}))},
        },
    },
    "/v2/schemas/pod": {
        "get": {
            "operationId": "getPodSchema",
            "summary": "Show the JSON Schema of a pod definition",
            "responses": {
                "200": answer("The schema.", {"type": "object"}, media_types=("application/schema+json",)),
            },
        },
    },
    "/metrics": {
        "get": {
            "operationId": "getMetrics",
            "summary": "Show the scheduler's metrics; in Prometheus' format for clients that accept it",
            "responses": {
                "200": _EXPOSITION
                | {"content": {"application/json": {"schema": reference("Metrics")}, **_EXPOSITION["content"]}}
            },
        },
    },
    "/metrics/prometheus": {
        "get": {
            "operationId": "getPrometheusMetrics",
            "summary": "Show the scheduler's metrics in Prometheus' format",
            "responses": {"200": _EXPOSITION},
        },
    },
    "/ping": {
        "get": {
            "operationId": "ping",
            "summary": "Check that the scheduler answers",
            "responses": {
                "200": answer("It answers.", {"const": "pong"}, media_types=("text/plain", "application/json")),
            },
        },
    },
    "/docs": {
        "get": {
            "operationId": "getDocs",
            "summary": "Show this document as an HTML page",
            "responses": {"200": answer("The page, which loads nothing else.", TEXT, media_types=("text/html",))},
        },
    },
    "/openapi.json": {
        "get": {
            "operationId": "getOpenApi",
            "summary": "Show this document",
            "responses": {"200": answer("The document.", {"type": "object"})},
        },
    },
}

_COUNT_ONLY = {"type": "object", "additionalProperties": record("A count.", {"count": AMOUNT})}
_TIMER = record(
    "Durations in seconds; quantiles with the precision of the buckets.",
    {"count": COUNT, "mean": AMOUNT, "max": AMOUNT, "duration_units": {"const": "seconds"}}
    | dict.fromkeys(("p50", "p75", "p95", "p98", "p99", "p999"), AMOUNT),
)

SCHEMAS: dict[str, Json] = {
    "Metrics": record(
        "Metrics by name, in Dropwizard's format.",
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
        "The scheduler, its framework, its options and its Mesos.",
        {
            "name": TEXT,
            "version": TEXT,
            "elected": FLAG,
            "leader": TEXT,
            "frameworkId": TEXT_OR_NULL,
            "marathon_config": {
                "type": "object",
                "description": "The options that Marathon also has, under Marathon's names.",
            },
            "buildref": {"type": "null"},
            "zookeeper_config": {"type": "object", "maxProperties": 0},
            "http_config": record("The API's address.", {"http_port": COUNT}),
        },
        extras(
            {
                "config": {"type": "object", "description": "The other options."},
                "mesos": record(
                    "The leading master.", {"version": TEXT_OR_NULL, "master": TEXT_OR_NULL, "connected": FLAG}
                ),
                "namesakes": list_of(
                    record(
                        "Another framework of the same name with running tasks, found with a new store.",
                        {"id": TEXT, "connected": FLAG},
                    )
                ),
                "onHold": ON_HOLD,
            }
        ),
    ),
}
