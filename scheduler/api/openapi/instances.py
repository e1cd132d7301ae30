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
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.api.openapi.pods import ABSENT, POD_ID, UNREADABLE
from scheduler.model.json import Json

_WIPE = in_query(
    "wipe",
    "Destroy the instances together with their volumes, and replace them.",
    FLAG | {"default": False},
)
_INSTANCE_ID: Json = {"type": "string", "pattern": r"^.+\.(instance-|marathon-)[^.]+$"}
_EXAMPLE = "product_web.instance-5a0b3ee1-8a2b-4b7c-9d0e-1f2a3b4c5d6e"

PATHS: dict[str, Json] = {
    "/v2/pods/{pod_id}::instances": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "listInstances",
            "summary": "Show the status of a pod's instances",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The statuses.", list_of(reference("InstanceStatus"))), **ABSENT},
        },
        "delete": {
            "operationId": "killInstances",
            "summary": "Kill instances of a pod; they are relaunched",
            "parameters": [_WIPE],
            "requestBody": body("The ids of the instances; unknown ids are ignored.", list_of(_INSTANCE_ID)),
            "responses": {
                "200": answer(
                    "The instances that are being killed, as they were at the time of the request.",
                    list_of(reference("Instance")),
                ),
                **UNREADABLE,
                **ABSENT,
                "422": answer("The body is not a list of instance ids.", reference("DefinitionProblems")),
                **STOPPING,
            },
        },
    },
    "/v2/pods/{pod_id}::instances/{instance_id}": {
        "parameters": [POD_ID, in_path("instance_id", "The instance's id.", _INSTANCE_ID, _EXAMPLE)],
        "delete": {
            "operationId": "killInstance",
            "summary": "Kill an instance of a pod; it is relaunched",
            "parameters": [_WIPE],
            "responses": {
                "200": answer(
                    "The instance that is being killed, as it was at the time of the request.", reference("Instance")
                ),
                **BAD_QUERY,
                "404": refusal("There is no such pod, or no such instance of it."),
                "422": refusal("The instance id is not valid."),
                **STOPPING,
            },
        },
    },
}

_SEEN = {"lastUpdated": MOMENT, "lastChanged": MOMENT}
_TASK_STATES = one_of(
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
_CONDITIONS = one_of(
    *("Scheduled", "Provisioned", "Staging", "Starting", "Running", "Killing"),
    *("Finished", "Failed", "Killed", "Error", "Gone", "Dropped", "Unreachable", "UnreachableInactive", "Unknown"),
)
_TERMINATION = record(
    "How a container ended, as reported by Mesos.", {}, {"exitCode": {"type": "integer"}, "message": TEXT}
)
_DETAIL: Json = {"type": "string", "description": "The full message, if `message` is only its first line."}
_RESOURCES = record("Sizes in MiB.", {}, {"cpus": AMOUNT, "mem": AMOUNT, "disk": AMOUNT, "gpus": AMOUNT})

SCHEMAS: dict[str, Json] = {
    "Instance": record(
        "An instance, as the answer to its kill.",
        {
            "instanceId": TEXT,
            "state": record(
                "Its condition and its goal.",
                {"condition": _CONDITIONS, "since": MOMENT, "goal": one_of("Running", "Stopped", "Decommissioned")},
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
                        record("One of the agent's attributes, as a string.", {"name": TEXT, "text": TEXT})
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
            "status": one_of("PENDING", "STAGING", "STABLE", "DEGRADED", "TERMINAL"),
            "statusSince": MOMENT,
            "resources": _RESOURCES | {"description": "Requested by the executor and the containers together."},
            "specReference": {
                "type": "string",
                "description": "The version of the definition that this instance runs.",
            },
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
                    "A network of the instance; the agent's own has no name.",
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
                    {"name": TEXT, "value": one_of("true", "false"), **_SEEN},
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
                    "description": "How often its executor restarted it.",
                },
                "detail": _DETAIL,
                "checks": list_of(
                    record(
                        "The last result of a check of the container.",
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
