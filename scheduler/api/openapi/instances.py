"""The chapter on instances: their status as part of their pod's, and killing them."""

from scheduler.api.openapi.parts import (
    AMOUNT,
    BAD_QUERY,
    FLAG,
    MOMENT,
    PORT,
    STOPPING,
    TEXT,
    WITH_EXTRAS,
    answer,
    body,
    extras,
    in_path,
    in_query,
    list_of,
    record,
    reference,
    refusal,
    words,
)
from scheduler.api.openapi.pods import ABSENT, POD_ID, UNREADABLE
from scheduler.model.json import Json

_WIPE = in_query(
    "wipe",
    "Whether they are given up for good, with their volumes, and replaced by others.",
    FLAG | {"default": False},
)
_INSTANCE_ID: Json = {"type": "string", "pattern": r"^.+\.(instance-|marathon-)[^.]+$"}
_EXAMPLE = "product_web.instance-5a0b3ee1-8a2b-4b7c-9d0e-1f2a3b4c5d6e"

PATHS: dict[str, Json] = {
    "/v2/pods/{pod_id}::instances": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "listInstances",
            "summary": "The status of a pod's instances",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The statuses.", list_of(reference("InstanceStatus"))), **ABSENT},
        },
        "delete": {
            "operationId": "killInstances",
            "summary": "Kill instances of a pod; they are launched again",
            "parameters": [_WIPE],
            "requestBody": body(
                "The ids of the instances; those that are not there are passed over.", list_of(_INSTANCE_ID)
            ),
            "responses": {
                "200": answer(
                    "They are being killed; as they were when this was asked.", list_of(reference("Instance"))
                ),
                **UNREADABLE,
                **ABSENT,
                "422": answer("This is no list of instance ids.", reference("DefinitionProblems")),
                **STOPPING,
            },
        },
    },
    "/v2/pods/{pod_id}::instances/{instance_id}": {
        "parameters": [POD_ID, in_path("instance_id", "The instance's id.", _INSTANCE_ID, _EXAMPLE)],
        "delete": {
            "operationId": "killInstance",
            "summary": "Kill an instance of a pod; it is launched again",
            "parameters": [_WIPE],
            "responses": {
                "200": answer("It is being killed; as it was when this was asked.", reference("Instance")),
                **BAD_QUERY,
                "404": refusal("There is no such pod, or no such instance of it."),
                "422": refusal("This cannot be the id of an instance."),
                **STOPPING,
            },
        },
    },
}

_SEEN = {"lastUpdated": MOMENT, "lastChanged": MOMENT}
_TASK_STATES = words(
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
_CONDITIONS = words(
    *("Scheduled", "Provisioned", "Staging", "Starting", "Running", "Killing"),
    *("Finished", "Failed", "Killed", "Error", "Gone", "Dropped", "Unreachable", "UnreachableInactive", "Unknown"),
)
_TERMINATION = record(
    "How a container ended, as far as Mesos told it.", {}, {"exitCode": {"type": "integer"}, "message": TEXT}
)
_DETAIL: Json = {"type": "string", "description": "All of the message, where `message` is only its first line."}
_RESOURCES = record("Sizes in MiB.", {}, {"cpus": AMOUNT, "mem": AMOUNT, "disk": AMOUNT, "gpus": AMOUNT})

SCHEMAS: dict[str, Json] = {
    "Instance": record(
        "An instance in itself.",
        {
            "instanceId": TEXT,
            "state": record(
                "Where it stands, and what is wanted of it.",
                {"condition": _CONDITIONS, "since": MOMENT, "goal": words("Running", "Stopped", "Decommissioned")},
                {"activeSince": MOMENT, "healthy": FLAG},
            ),
            "runSpecVersion": MOMENT,
        },
        {
            "unreachableStrategy": {
                "anyOf": [
                    {"const": "disabled"},
                    record("Seconds.", {"inactiveAfterSeconds": AMOUNT, "expungeAfterSeconds": AMOUNT}),
                ]
            },
            "agentInfo": record(
                "The agent it is on.",
                {
                    "host": TEXT,
                    "agentId": TEXT,
                    "attributes": list_of(
                        record("One of the agent's attributes, in words.", {"name": TEXT, "text": TEXT})
                    ),
                },
                {"region": TEXT, "zone": TEXT},
            ),
        },
    ),
    "InstanceStatus": record(
        "One launched group of containers.",
        {
            "id": TEXT,
            "status": words("PENDING", "STAGING", "STABLE", "DEGRADED", "TERMINAL"),
            "statusSince": MOMENT,
            "resources": _RESOURCES | {"description": "The executor's overhead and what the containers take."},
            "specReference": {"type": "string", "description": "The definition's version this instance was made of."},
            "role": TEXT,
            **_SEEN,
        },
        {
            "message": TEXT,
            "agentHostname": TEXT,
            "agentId": TEXT,
            "agentRegion": TEXT,
            "agentZone": TEXT,
            "networks": list_of(
                record(
                    "A network of the instance; the agent's has no name.",
                    {},
                    {"name": TEXT, "addresses": list_of(TEXT)},
                )
            ),
            "containers": list_of(reference("ContainerStatus")),
            "localVolumes": list_of(
                record(
                    "A persistent volume that is kept for the instance.",
                    {"runSpecId": TEXT, "containerPath": TEXT, "uuid": TEXT, "persistenceId": TEXT},
                )
            ),
        },
    ),
    "ContainerStatus": record(
        "One container: one Mesos task.",
        {"name": TEXT, "status": _TASK_STATES, "statusSince": MOMENT, **_SEEN},
        {
            "message": TEXT,
            "conditions": list_of(
                record(
                    "Whether the container is healthy.",
                    {"name": TEXT, "value": words("true", "false"), **_SEEN},
                    {"reason": TEXT},
                )
            ),
            "containerId": {"type": "string", "description": "The Mesos task id, while the task is alive."},
            "endpoints": list_of(
                record("A port of the container.", {"name": TEXT}, {"allocatedHostPort": PORT, "healthy": FLAG})
            ),
            "resources": _RESOURCES,
            "termination": _TERMINATION,
        }
        | extras(
            {
                "restarts": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "How often its executor started it again.",
                },
                "detail": _DETAIL,
                "checks": list_of(
                    record(
                        "What a check of the container found last.",
                        {"check": TEXT, "passed": FLAG, "result": TEXT},
                    )
                ),
            }
        ),
    ),
    "InstanceTermination": record(
        "How an instance ended.",
        {"instanceID": TEXT, "startedAt": MOMENT, "terminatedAt": MOMENT},
        {
            "message": TEXT,
            "containers": list_of(
                record(
                    "How one of its containers ended.",
                    {"containerId": TEXT, "lastKnownState": _TASK_STATES},
                    {"termination": _TERMINATION} | extras({"detail": _DETAIL}),
                )
            ),
        },
    ),
}
