"""The chapter on pods: their definitions, versions and status."""

from scheduler.api.openapi.parts import (
    BAD_QUERY,
    DEPLOYMENT_ID,
    MOMENT,
    ON_HOLD,
    ROLLOUT,
    STOPPING,
    TEXT,
    WITH_EXTRAS,
    answer,
    body,
    extras,
    in_path,
    list_of,
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.model.json import Json

POD_ID = in_path(
    "pod_id",
    "The pod's id without its first slash. Slashes within it may be written as they are, or as %2F.",
    {"type": "string", "minLength": 1, "pattern": "^[^:]+$"},
    "product/web",
)
ABSENT = {"404": refusal("There is no such pod.")}
LOCKED = {
    "403": refusal("Too many deployments are running."),
    "409": answer(
        "Other deployments, or pods that depend on this one, conflict; `force` overrides.", reference("Locked")
    ),
}
UNREADABLE: Json = {
    "400": refusal(
        "The body is empty, is not JSON, or is the definition of another pod; "
        "or a query parameter has an invalid value."
    ),
    "413": refusal("The body is larger than 1 MiB."),
    "415": refusal("The Content-Type is not JSON."),
    "422": answer("The definition is not valid, or no agent could run it.", reference("DefinitionProblems")),
}
_DEFINITION_IN = body("The pod definition.", reference("PodDefinition"))
_LOCATION = {"Location": {"description": "The pod.", "required": True, "schema": TEXT}}

PATHS: dict[str, Json] = {
    "/v2/pods": {
        "get": {
            "operationId": "listPods",
            "summary": "List the definitions of all pods",
            "responses": {"200": answer("The definitions.", list_of(reference("PodDefinition")))},
        },
        "post": {
            "operationId": "createPod",
            "summary": "Create a pod",
            "parameters": ROLLOUT,
            "requestBody": _DEFINITION_IN,
            "responses": {
                "201": answer(
                    "Created, and stored; the definition as it is stored.",
                    reference("PodDefinition"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID, **_LOCATION},
                ),
                **UNREADABLE,
                **LOCKED,
                "409": answer("A pod with this id exists or is still being removed.", reference("Locked")),
                **STOPPING,
            },
        },
    },
    "/v2/pods/{pod_id}": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "getPod",
            "summary": "Show a pod's definition",
            "responses": {"200": answer("The definition.", reference("PodDefinition")), **ABSENT},
        },
        "put": {
            "operationId": "putPod",
            "summary": "Change a pod, or create it",
            "parameters": ROLLOUT,
            "requestBody": _DEFINITION_IN,
            "responses": {
                "200": answer(
                    "Changed, and stored; the definition as it is stored.",
                    reference("PodDefinition"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                "404": refusal("The path is not that of a pod."),
                **UNREADABLE,
                **LOCKED,
                **STOPPING,
            },
        },
        "delete": {
            "operationId": "deletePod",
            "summary": "Remove a pod; its instances end in the background",
            "parameters": ROLLOUT,
            "responses": {
                "202": answer(
                    "Removed, and stored.",
                    None,
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID, "Location": DEPLOYMENT_ID},
                ),
                **BAD_QUERY,
                **ABSENT,
                **LOCKED,
                **STOPPING,
            },
        },
    },
    "/v2/pods::status": {
        "get": {
            "operationId": "listPodStatuses",
            "summary": "Show the status of all pods",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The statuses.", list_of(reference("PodStatus")))},
        },
    },
    "/v2/pods/{pod_id}::status": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "getPodStatus",
            "summary": "Show a pod's status",
            "parameters": [WITH_EXTRAS],
            "responses": {"200": answer("The status.", reference("PodStatus")), **ABSENT},
        },
    },
    "/v2/pods/{pod_id}::versions": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "listPodVersions",
            "summary": "List the stored versions of a pod, including the current one",
            "responses": {"200": answer("The versions, oldest first.", list_of(MOMENT)), **ABSENT},
        },
    },
    "/v2/pods/{pod_id}::versions/{version}": {
        "parameters": [
            POD_ID,
            in_path("version", "When the definition was accepted.", MOMENT, "2026-01-31T12:00:00.000Z"),
        ],
        "get": {
            "operationId": "getPodVersion",
            "summary": "Show a version of a pod's definition",
            "responses": {
                "200": answer("The definition.", reference("PodDefinition")),
                "404": refusal("The pod or the version does not exist."),
                "422": refusal("The version is not a time."),
            },
        },
    },
}

SCHEMAS: dict[str, Json] = {
    "PodStatus": record(
        "The status of a pod and its instances.",
        {
            "id": TEXT,
            "spec": reference("PodDefinition"),
            "status": one_of("STABLE", "DEGRADED"),
            "statusSince": MOMENT,
            "lastUpdated": MOMENT,
            "lastChanged": MOMENT,
        },
        {
            "instances": list_of(reference("InstanceStatus")),
            "terminationHistory": list_of(reference("InstanceTermination")),
        }
        | extras({"onHold": ON_HOLD}),
    ),
    "DefinitionProblems": record(
        "All problems of the body, by path.",
        {
            "message": one_of("Invalid JSON", "Object is not valid"),
            "details": list_of(
                record(
                    "The problems at one path.",
                    {
                        "path": {"type": "string", "examples": ["/containers(0)/resources/cpus"]},
                        "errors": list_of(TEXT) | {"minItems": 1},
                    },
                )
            )
            | {"minItems": 1},
        },
    ),
}
