"""The chapter on looking inside containers, without ``::exec``: OpenAPI cannot describe WebSockets."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    COUNT,
    FLAG,
    MOMENT,
    TEXT,
    answer,
    in_query,
    list_of,
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.api.openapi.pods import POD_ID
from scheduler.model.json import Json

_INSTANCE = in_query("instance", "An instance's id, or the beginning of the part after `instance-`.", TEXT)
_CONTAINER = in_query("container", "The container's name; optional if the pod has only one.", TEXT)
_EXECUTOR = in_query("executor", "Use the executor instead of a container.", FLAG | {"default": False})
_REFUSALS: Json = {
    "400": refusal("A query parameter has an invalid value, or the request is ambiguous."),
    "403": refusal("The scheduler's `--allow-inside` does not allow this."),
    "404": refusal("The pod, instance, container or file does not exist, or no longer exists."),
    "409": refusal("The container is not running or cannot do this, or its agent refuses it."),
    "502": refusal("The agent, or the master, does not answer."),
    "503": refusal("Too many streams are open, or the scheduler is stopping."),
}
_SANDBOX_PATH = "Path in the container's sandbox; relative, without `..`."
_BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


def _streamed(description: str, schema: Json, *media_types: str) -> Json:
    return answer(description, schema, media_types=media_types)


PATHS: dict[str, Json] = {
    "/v2/pods/{pod_id}::logs": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readLogs",
            "summary": "Read the output of a pod's containers, merged; optionally follow it",
            "parameters": [
                _INSTANCE,
                in_query("container", "Only the containers of this name.", TEXT),
                _EXECUTOR,
                in_query("stream", "The stream to read.", one_of("stdout", "stderr", "both") | {"default": "both"}),
                in_query("tail", "At most this many existing lines per container.", COUNT | {"maximum": 1_000_000_000}),
                in_query(
                    "since",
                    "Leave out lines that are known to be older: of files that were written last before this time, and "
                    "lines that begin with an older time, with those after them that begin with none.",
                    MOMENT,
                ),
                in_query(
                    "timestamps",
                    "Add `time` to lines that are read as they are written: when that was, to about a second.",
                    FLAG | {"default": False},
                ),
                in_query("follow", "Continue as long as containers run.", FLAG | {"default": False}),
                in_query(
                    "previous",
                    "Read the run before the current or last one; not together with `follow`.",
                    FLAG | {"default": False},
                ),
            ],
            "responses": {
                "200": _streamed(
                    "One LogRecord per line; empty lines are keep-alives. By default `application/x-ndjson`.",
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
            "summary": "List a directory of a container's sandbox",
            "parameters": [_INSTANCE, _CONTAINER, _EXECUTOR, in_query("path", _SANDBOX_PATH, TEXT)],
            "responses": {"200": answer("Its entries.", list_of(reference("SandboxFile"))), **_REFUSALS},
        },
    },
    "/v2/pods/{pod_id}::files/read": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readFile",
            "summary": "Read a file of a container's sandbox",
            "parameters": [
                _INSTANCE,
                _CONTAINER,
                _EXECUTOR,
                in_query("path", _SANDBOX_PATH, TEXT),
                in_query("offset", "Byte to start at.", COUNT),
                in_query("length", "At most this many bytes.", COUNT),
            ],
            "responses": {"200": _streamed("The content.", _BINARY, "application/octet-stream"), **_REFUSALS},
        },
    },
    "/v2/pods/{pod_id}::archive": {
        "parameters": [
            POD_ID,
            _INSTANCE,
            _CONTAINER,
            in_query("path", "Path in the container; relative to its working directory.", TEXT),
        ],
        "get": {
            "operationId": "copyOut",
            "summary": "Copy a file or directory out of a running container, with the container's own tar",
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
            "summary": "Unpack an archive in a directory of a running container, with the container's own tar",
            "requestBody": {
                "required": True,
                "description": "A tar archive; its type may also be `application/x-tar`.",
                "content": {"application/octet-stream": {"schema": _BINARY}},
            },
            "responses": {
                "204": answer("Unpacked.", None),
                "415": refusal("The Content-Type is not that of a tar archive."),
                **_REFUSALS,
            },
        },
    },
    "/v2/pods/{pod_id}::usage": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "readUsage",
            "summary": "Show the resources that a pod's containers use and request",
            "parameters": [_INSTANCE],
            "responses": {"200": answer("The use of each instance.", list_of(reference("InstanceUsage"))), **_REFUSALS},
        },
    },
}

_USED = record(
    "The measurements; those that are not available are absent.",
    {},
    {
        "takenAt": AMOUNT | {"description": "Seconds since the epoch."},
        "cpuSeconds": AMOUNT | {"description": "CPU time so far; current use is the difference between two answers."},
        "cpusLimit": AMOUNT,
        "memoryBytes": COUNT,
        "memoryLimitBytes": COUNT,
        "processes": COUNT,
    },
)

SCHEMAS: dict[str, Json] = {
    "LogRecord": record(
        "A line of a container's output, or an event.",
        {},
        {
            "instance": TEXT,
            "container": TEXT,
            "executor": FLAG,
            "stream": one_of("stdout", "stderr"),
            "line": TEXT,
            "time": MOMENT,
            "event": one_of("restarted", "ended", "unreachable", "reachable", "failed"),
            "message": TEXT,
        },
    ),
    "SandboxFile": record(
        "An entry of a directory.",
        {
            "name": TEXT,
            "kind": one_of("file", "directory", "other"),
            "mode": {"type": "string", "description": "As `ls -l` shows it."},
            "size": COUNT,
            "modified": MOMENT,
            "user": TEXT,
            "group": TEXT,
        },
    ),
    "InstanceUsage": record(
        "The use of an instance; `message` says why it is not known.",
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
