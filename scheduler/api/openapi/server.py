"""The chapter on the scheduler itself."""

from scheduler.access.permissions import Permission
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
    in_path,
    in_query,
    list_of,
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

_PLACE: Json = {"type": "string", "pattern": "^[0-9]{0,19}$"}
_EXPOSITION = answer("The metrics.", TEXT, media_types=("text/plain", "application/openmetrics-text"))

_FOREVER: Json = {"Cache-Control": {"schema": {"const": "public, max-age=31536000, immutable"}}}


_UI_HEADERS: Json = {
    "Content-Security-Policy": {"schema": TEXT},
    "Cache-Control": {"schema": TEXT},
}


def _file(description: str) -> Json:
    schema = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    return answer(description, schema, _FOREVER, ("application/octet-stream",))


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
    "/v2/doctor": {
        "get": {
            "operationId": "getDoctor",
            "summary": "Check what the scheduler needs: Mesos, roles, quota, agents, the executor, the store's disk",
            "responses": {"200": answer("The results.", reference("Checkup"))},
        },
    },
    "/v2/leader": {
        "get": {
            "operationId": "getLeader",
            "summary": "Show the leader",
            "responses": {
                "200": answer("The leader.", record("The leader.", {"leader": TEXT})),
                "404": refusal("No scheduler leads."),
            },
        },
        "delete": {
            "operationId": "abdicate",
            "summary": "Make the leader abdicate: another scheduler leads; if there is none, its process ends",
            "responses": {"200": answer("It abdicates.", record("The result.", {"message": TEXT}))},
        },
    },
    "/executor/{sha256}": {
        "get": {
            "operationId": "getExecutor",
            "summary": "Fetch the executor's file, as agents do; needs no credentials",
            "parameters": [in_path("sha256", "The SHA-256 of the file, in hexadecimal.", TEXT, "0" * 64)],
            "responses": {
                "200": _file("The file."),
                "206": _file("The range that the header Range asks for."),
                "400": answer("The header Range cannot be read.", TEXT, media_types=("text/plain",)),
                "404": refusal("The scheduler serves no such file."),
                "416": answer("The range is beyond the file's end.", TEXT, media_types=("text/plain",)),
            },
        },
    },
    "/": {
        "get": {
            "operationId": "getRoot",
            "summary": "Go to the web interface; needs no credentials",
            "responses": {"302": answer("The interface.", None, _UI_HEADERS)},
        },
    },
    "/ui": {
        "get": {
            "operationId": "getUi",
            "summary": "Go to the web interface; needs no credentials",
            "responses": {"302": answer("The interface.", None, _UI_HEADERS)},
        },
    },
    "/ui/{path}": {
        "get": {
            "operationId": "getUiFile",
            "summary": "Fetch a file of the web interface; needs no credentials",
            "parameters": [in_path("path", "The name of the file.", TEXT, "index.html")],
            "responses": {
                "200": answer("The file.", TEXT, _UI_HEADERS, ("text/html", "text/javascript", "text/css")),
                "404": answer(
                    "There is no such file, or this installation has no web interface.",
                    {},
                    _UI_HEADERS,
                    ("application/json", "text/html"),
                ),
            },
        },
    },
    "/session": {
        "get": {
            "operationId": "getSession",
            "summary": "Show who the caller is, and what it may do",
            "parameters": [in_query("pod", "With this pod; by default with any.", TEXT)],
            "responses": {
                "200": answer("The caller.", reference("Session")),
                "404": refusal("The id is not that of a pod."),
            },
        },
        "post": {
            "operationId": "startSession",
            "summary": "Log in: the answer has a cookie that stands for the credentials of this request",
            "responses": {
                "204": answer("Logged in.", None),
                "400": refusal("The scheduler asks for no credentials."),
            },
        },
        "delete": {
            "operationId": "endSession",
            "summary": "Log out",
            "responses": {"204": answer("Logged out.", None)},
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
    "Checkup": record(
        "The results of all checks.",
        {
            "checks": list_of(
                record(
                    "The result of one check.",
                    {"check": TEXT, "result": one_of("ok", "warning", "failed"), "message": TEXT},
                    {"advice": {"type": "string", "description": "What to do."}},
                )
            )
        },
    ),
    "Session": record(
        "A caller. Its permissions do not include what the scheduler allows nobody.",
        {"user": TEXT_OR_NULL, "isSession": FLAG, "permissions": list_of(one_of(*Permission))},
    ),
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
            "leader": TEXT_OR_NULL,
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
                "schedulers": list_of(
                    record("One of several schedulers, the leader first.", {"url": TEXT, "elected": FLAG})
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
