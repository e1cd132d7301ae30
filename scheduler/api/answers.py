"""The JSON Schemas of what the API answers: status of pods, information on the server, errors.

Beside the pod definition's own schema they are the components of the OpenAPI document; ``core.rollup``, ``info`` and
``errors`` make the bodies they describe.
"""

from typing import Any

from scheduler.model.json import Json


def reference(name: str) -> Json:
    """Where a document refers to one of its components."""
    return {"$ref": f"#/components/schemas/{name}"}


def _object(description: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> Json:
    return {
        "type": "object",
        "description": description,
        "properties": required | (optional or {}),
        "required": list(required),
    }


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


def _words(*words: str) -> Json:
    return {"type": "string", "enum": list(words)}


_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_FLAG = {"type": "boolean"}
_COUNT = {"type": "integer", "minimum": 0}
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535}
_AMOUNT = {"type": "number", "minimum": 0}
_MOMENT = {"type": "string", "format": "date-time", "description": "UTC, ISO 8601 with milliseconds"}
_SEEN = {"lastUpdated": _MOMENT, "lastChanged": _MOMENT}

_TASK_STATES = _words(
    *(
        f"TASK_{state}"
        for state in (
            "STAGING",
            "STARTING",
            "RUNNING",
            "KILLING",
            "FINISHED",
            "FAILED",
            "KILLED",
            "ERROR",
            "UNREACHABLE",
            "GONE",
            "GONE_BY_OPERATOR",
            "DROPPED",
            "LOST",
            "UNKNOWN",
        )
    )
)
_TERMINATION = _object(
    "How a container ended, as far as Mesos told it.", {}, {"exitCode": {"type": "integer"}, "message": _TEXT}
)
_RESOURCES = _object(
    "Sizes in MiB.", {}, {"cpus": _AMOUNT, "mem": _AMOUNT, "disk": _AMOUNT, "gpus": {"type": "integer", "minimum": 0}}
)

SCHEMAS: dict[str, Json] = {
    "PodStatus": _object(
        "What a pod's instances come to.",
        {"id": _TEXT, "spec": reference("PodDefinition"), "status": _words("STABLE", "DEGRADED")}
        | {"statusSince": _MOMENT}
        | _SEEN,
        {
            "instances": _list(reference("InstanceStatus")),
            "terminationHistory": _list(reference("InstanceTermination")),
        },
    ),
    "InstanceStatus": _object(
        "One launched group of containers.",
        {
            "id": _TEXT,
            "status": _words("PENDING", "STAGING", "STABLE", "DEGRADED", "TERMINAL"),
            "statusSince": _MOMENT,
            "resources": _RESOURCES | {"description": "The executor's overhead and what the containers take."},
            "specReference": {"type": "string", "description": "The definition's version this instance was made of."},
            "role": _TEXT,
        }
        | _SEEN,
        {
            "message": _TEXT,
            "agentHostname": _TEXT,
            "agentId": _TEXT,
            "agentRegion": _TEXT,
            "agentZone": _TEXT,
            "networks": _list(
                _object(
                    "A network of the instance; the agent's has no name.",
                    {},
                    {"name": _TEXT, "addresses": _list(_TEXT)},
                )
            ),
            "containers": _list(reference("ContainerStatus")),
        },
    ),
    "ContainerStatus": _object(
        "One container: one Mesos task.",
        {"name": _TEXT, "status": _TASK_STATES, "statusSince": _MOMENT} | _SEEN,
        {
            "message": _TEXT,
            "conditions": _list(
                _object(
                    "Whether the container is healthy, or ready.",
                    {"name": _TEXT, "value": _words("true", "false"), **_SEEN},
                    {"reason": _TEXT},
                )
            ),
            "containerId": {"type": "string", "description": "The Mesos task id, while the task is alive."},
            "endpoints": _list(
                _object("A port of the container.", {"name": _TEXT}, {"allocatedHostPort": _PORT, "healthy": _FLAG})
            ),
            "resources": _RESOURCES,
            "restarts": {"type": "integer", "minimum": 1, "description": "How often its executor started it again."},
            "termination": _TERMINATION,
        },
    ),
    "InstanceTermination": _object(
        "How an instance ended.",
        {"instanceID": _TEXT, "startedAt": _MOMENT, "terminatedAt": _MOMENT},
        {
            "message": _TEXT,
            "containers": _list(
                _object(
                    "How one of its containers ended.",
                    {"containerId": _TEXT, "lastKnownState": _TASK_STATES},
                    {"termination": _TERMINATION},
                )
            ),
        },
    ),
    "Info": _object(
        "The scheduler, its framework, its options, its Mesos.",
        {
            "name": _TEXT,
            "version": _TEXT,
            "elected": _FLAG,
            "leader": _TEXT,
            "frameworkId": _TEXT_OR_NULL,
            "marathon_config": {"type": "object", "description": "The options, under Marathon's names."},
            "http_config": _object("Where the API is served.", {"http_port": _COUNT}),
            "mesos": _object(
                "The master that leads.", {"version": _TEXT_OR_NULL, "master": _TEXT_OR_NULL, "connected": _FLAG}
            ),
        },
    ),
    "Message": _object("Why a request was refused.", {"message": _TEXT}, {"details": {}}),
    "DefinitionProblems": _object(
        "Everything that is wrong with a definition, by path.",
        {
            "message": _words("Invalid JSON", "Object is not valid"),
            "details": _list(
                _object(
                    "What is wrong at one place.",
                    {
                        "path": {"type": "string", "examples": ["/containers(0)/resources/cpus"]},
                        "errors": _list(_TEXT) | {"minItems": 1},
                    },
                )
            )
            | {"minItems": 1},
        },
    ),
}
