"""The chapter on what goes on inside containers. ``::exec`` is a WebSocket, of which OpenAPI knows nothing."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    answer,
    in_query,
    list_of,
    record,
    reference,
    refusal,
    words,
)
from scheduler.api.openapi.pods import POD_ID
from scheduler.model.json import Json

_INSTANCE = in_query("instance", "An instance's id, or the beginning of what follows `instance-` in it.", TEXT)
_CONTAINER = in_query("container", "The container's name; it may be left out where there is one only.", TEXT)
_EXECUTOR = in_query("executor", "Whether the executor is meant instead of a container.", FLAG | {"default": False})
_REFUSALS: Json = {
    "400": refusal("A query parameter has a value that it cannot have, or more has to be named."),
    "403": refusal("The scheduler's `--allow-inside` does not allow this."),
    "404": refusal("There is no such pod, instance, container or file, or not any more."),
    "409": refusal("The container does not run, or cannot do this, or its agent refuses it."),
    "502": refusal("The agent, or the master, does not answer."),
    "503": refusal("Too much is open already, or the scheduler is stopping."),
}
_SANDBOX_PATH = "In the container's sandbox; relative, without `..`."
_BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


def _streamed(description: str, schema: Json, *media_types: str) -> Json:
    return answer(description, schema, media_types=media_types)


PATHS: dict[str, Json] = {
    "/v2/pods/{pod_id}::logs": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readLogs",
            "summary": "What a pod's containers wrote, of all instances merged, and what they write",
            "parameters": [
                _INSTANCE,
                in_query("container", "Only the containers of this name.", TEXT),
                _EXECUTOR,
                in_query("stream", "What of it.", words("stdout", "stderr", "both") | {"default": "both"}),
                in_query(
                    "tail", "At most so many lines of what each container wrote.", COUNT | {"maximum": 1_000_000_000}
                ),
                in_query("follow", "Whether to go on as long as containers run.", FLAG | {"default": False}),
                in_query(
                    "previous",
                    "Whether the run before the present, or last, one is meant; not with follow.",
                    FLAG | {"default": False},
                ),
            ],
            "responses": {
                "200": _streamed(
                    "One LogRecord a line; empty lines are signs of life. By default `application/x-ndjson`.",
                    {"type": "string"},
                    "application/x-ndjson",
                    "text/plain",
                ),
                **_REFUSALS,
            },
        },
    },
    "/v2/pods/{pod_id}::files": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "listFiles",
            "summary": "A directory of a container's sandbox",
            "parameters": [_INSTANCE, _CONTAINER, _EXECUTOR, in_query("path", _SANDBOX_PATH, TEXT)],
            "responses": {"200": answer("Its entries.", list_of(reference("SandboxFile"))), **_REFUSALS},
        },
    },
    "/v2/pods/{pod_id}::files/read": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readFile",
            "summary": "A file of a container's sandbox",
            "parameters": [
                _INSTANCE,
                _CONTAINER,
                _EXECUTOR,
                in_query("path", _SANDBOX_PATH, TEXT),
                in_query("offset", "Where to begin, in bytes.", COUNT),
                in_query("length", "At most so many bytes.", COUNT),
            ],
            "responses": {"200": _streamed("What it holds.", _BINARY, "application/octet-stream"), **_REFUSALS},
        },
    },
    "/v2/pods/{pod_id}::archive": {
        "parameters": [
            POD_ID,
            _INSTANCE,
            _CONTAINER,
            in_query("path", "In the container; a relative one begins in its working directory.", TEXT),
        ],
        "get": {
            "operationId": "copyOut",
            "summary": "A file or directory of a running container, packed by its own tar",
            "responses": {
                "200": _streamed(
                    "A tar archive, by default as `application/x-tar`.",
                    _BINARY,
                    "application/x-tar",
                    "application/octet-stream",
                ),
                **_REFUSALS,
            },
        },
        "put": {
            "operationId": "copyIn",
            "summary": "Unpack an archive in a directory of a running container, by its own tar",
            "requestBody": {
                "required": True,
                "description": "A tar archive, under whatever media type.",
                "content": {"application/octet-stream": {"schema": _BINARY}},
            },
            "responses": {"204": answer("It is unpacked.", None), **_REFUSALS},
        },
    },
    "/v2/pods/{pod_id}::usage": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readUsage",
            "summary": "What a pod's containers use, beside what they asked for",
            "parameters": [_INSTANCE],
            "responses": {"200": answer("Of each instance.", list_of(reference("InstanceUsage"))), **_REFUSALS},
        },
    },
}

_USED = record(
    "What is measured; what is not, is left out.",
    {},
    {
        "takenAt": AMOUNT | {"description": "Seconds since the epoch."},
        "cpuSeconds": AMOUNT | {"description": "CPU time so far: the use of a moment is the difference of two."},
        "cpusLimit": AMOUNT,
        "memoryBytes": COUNT,
        "memoryLimitBytes": COUNT,
        "processes": COUNT,
    },
)

SCHEMAS: dict[str, Json] = {
    "LogRecord": record(
        "A line that a container wrote, or what became of it.",
        {},
        {
            "instance": TEXT,
            "container": TEXT,
            "executor": FLAG,
            "stream": words("stdout", "stderr"),
            "line": TEXT,
            "event": words("restarted", "ended", "failed"),
            "message": TEXT,
        },
    ),
    "SandboxFile": record(
        "An entry of a directory.",
        {
            "name": TEXT,
            "kind": words("file", "directory", "other"),
            "mode": {"type": "string", "description": "As `ls -l` shows it."},
            "size": COUNT,
            "modified": MOMENT,
            "user": TEXT,
            "group": TEXT,
        },
    ),
    "InstanceUsage": record(
        "What an instance uses; `message` says why that is not known.",
        {
            "instance": TEXT,
            "containers": list_of(
                record(
                    "A container.",
                    {"name": TEXT, "used": _USED},
                    {"requested": record("Memory in MiB.", {"cpus": AMOUNT, "mem": AMOUNT})},
                )
            ),
        },
        {"agent": TEXT, "total": _USED, "message": TEXT},
    ),
}
