"""The chapter on pods: their definitions, versions and status."""

from scheduler.api.openapi.parts import (
    BAD_QUERY,
    COUNT,
    DEPLOYMENT_ID,
    FLAG,
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
    in_query,
    list_of,
    one_of,
    record,
    reference,
    refusal,
)
from scheduler.core.views.pod_summary import COUNTS
from scheduler.model.json import Json
from scheduler.model.records import Deed

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
_IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "description": "Change the pod only if it has this version, or one of these, separated by commas.",
    "schema": {"type": "string", "examples": ['"2026-01-31T12:00:00.000Z"']},
}
_COUNTS = ("now", "ready", "asked")
_DIFFERENCES: dict[str, Json] = {
    "differences": list_of(
        record(
            "A field that differs: `before` is absent if it is new, `after` if it is removed.",
            {"path": {"type": "string", "examples": ["/containers(web)/image/id"]}},
            {
                "before": TEXT | {"description": "Its value before, in JSON, cut if it is long."},
                "after": TEXT | {"description": "Its value after, in JSON, cut if it is long."},
                "hidden": FLAG | {"description": "Whether the values are not shown: environment variables."},
            },
        )
    )
}

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
            "parameters": [*ROLLOUT, _IF_MATCH],
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
                "412": refusal("The pod does not have the version that `If-Match` names."),
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
    "/v2/pods/{pod_id}::plan": {
        "parameters": [POD_ID],
        "post": {
            "operationId": "planPod",
            "summary": "Show what a PUT would do, without doing it",
            "parameters": [*ROLLOUT, in_query("after", "Pods that will have been created by then.", list_of(TEXT))],
            "requestBody": _DEFINITION_IN,
            "responses": {
                "200": answer("What would change, and what follows.", reference("PodPlan")),
                "404": refusal("The path is not that of a pod."),
                **UNREADABLE,
                **LOCKED,
                **STOPPING,
            },
        },
    },
    "/v2/pods::status": {
        "get": {
            "operationId": "listPodStatuses",
            "summary": "Show the status of all pods",
            "parameters": [
                WITH_EXTRAS,
                in_query(
                    "view", "`summary`: counts instead of instances, and no definitions.", one_of("full", "summary")
                ),
                in_query("id", "Only these pods.", list_of(TEXT)),
            ],
            "responses": {
                "200": answer(
                    "The statuses, or the summaries.",
                    {"anyOf": [list_of(reference("PodStatus")), list_of(reference("PodSummary"))]},
                ),
                **BAD_QUERY,
            },
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
    "/v2/pods/{pod_id}::restart": {
        "parameters": [POD_ID],
        "post": {
            "operationId": "restartPod",
            "summary": "Replace a pod's instances by new ones of the same definition, as its `upgrade` allows",
            "parameters": ROLLOUT,
            "responses": {
                "200": answer(
                    "Accepted, and stored: the definition, with its new version.",
                    reference("PodDefinition"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                **BAD_QUERY,
                **ABSENT,
                **LOCKED,
                **STOPPING,
            },
        },
    },
    "/v2/pods/{pod_id}::history": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "getPodHistory",
            "summary": "List the last changes of a pod that users asked for",
            "responses": {"200": answer("The changes, newest last.", list_of(reference("PodHistoryEntry"))), **ABSENT},
        },
    },
    "/v2/pods/{pod_id}::timeline": {
        "parameters": [POD_ID],
        "get": {
            "operationId": "getPodTimeline",
            "summary": "Show what happened to a pod and its instances",
            "parameters": [in_query("instance", "Only what happened to the instance with this id.", TEXT)],
            "responses": {
                "200": answer("What happened, newest last.", reference("Timeline")),
                "404": refusal("There is no such pod, or nothing is known about the instance."),
            },
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
    "PodSummary": record(
        "A pod in a few words.",
        {"id": TEXT},
        {
            "version": MOMENT,
            "asked": COUNT | {"description": "The wanted number of instances."},
            "instances": {
                "type": "object",
                "description": "The number of instances in each state that has some.",
                "properties": dict.fromkeys(COUNTS, COUNT),
            },
            "containers": COUNT | {"description": "The containers of an instance."},
            "agents": list_of(TEXT) | {"description": "The host names of the agents with instances."},
            "labels": {"type": "object", "additionalProperties": TEXT},
            "deployment": record("The deployment that changes the pod.", {"id": TEXT, "paused": FLAG}),
            "backOffUntil": MOMENT,
            "lastEnd": record("How the last instance ended.", {"at": MOMENT, "message": TEXT}),
            "message": TEXT | {"description": "Why nothing else is shown."},
        },
    ),
    "PodPlan": record(
        "What a change of a pod would do.",
        {
            "id": TEXT,
            "changes": FLAG | {"description": "Whether anything would change."},
            "action": one_of("none", "create", "scale", "replace", "store")
            | {"description": "`store`: only later launches are affected."},
            "summary": TEXT | {"description": "What follows, in words."},
            "instances": record("How many instances there are, and will be.", dict.fromkeys(_COUNTS, COUNT)),
            "conflicts": list_of(TEXT) | {"description": "The deployments that `force` would cancel."},
            "warnings": list_of(record("A warning.", {"path": TEXT, "error": TEXT})),
            **_DIFFERENCES,
        },
        {
            "basedOn": MOMENT | {"description": "The pod's version now; absent if there is no such pod."},
            "differencesLeftOut": COUNT,
            "rollout": record(
                "How instances are replaced, if all new ones become ready.",
                {
                    "replaced": COUNT,
                    "batches": COUNT,
                    "largestBatch": COUNT,
                    "lowestReady": COUNT | {"description": "The lowest number of ready instances on the way."},
                    "most": COUNT | {"description": "The highest number of instances at a time."},
                    "inPlace": FLAG | {"description": "Whether they are restarted where their volumes are."},
                },
            ),
            "fit": record(
                "Whether there is room for the instances that are added, by what agents offer now.",
                {"asked": COUNT, "agents": COUNT, "nearest": list_of(reference("NearestMiss"))},
                {"placed": COUNT, "unknown": TEXT | {"description": "Why it is not known."}},
            ),
        },
    ),
    "PodHistoryEntry": record(
        "A change of a pod that a user asked for.",
        {"at": MOMENT, "action": one_of(*Deed), "version": MOMENT},
        {
            "user": TEXT,
            "clientIp": TEXT,
            "deploymentId": TEXT,
            "outcome": one_of("running", "finished", "failed")
            | {"description": "Of the deployment that the change started."},
            "endedAt": MOMENT | {"description": "When that ended."},
            "failure": TEXT | {"description": "Why it failed."},
        },
    ),
    "Timeline": record(
        "What happened to a pod and its instances, or to one instance.",
        {
            "id": TEXT,
            "happenings": list_of(
                record(
                    "Something that happened.",
                    {"at": MOMENT, "what": {"type": "string", "examples": ["launched", "ended", "unhealthy"]}},
                    dict.fromkeys(
                        ("instance", "container", "cause", "agentHostname", "user", "deploymentId", "version"), TEXT
                    )
                    | {
                        "times": COUNT | {"description": "How often it happened in a row; `at` is the last time."},
                        "firstAt": MOMENT,
                    },
                )
            ),
        },
        {
            "instance": TEXT,
            "instancesLeftOut": COUNT
            | {"description": "The number of the pod's instances, if they are too many to tell everything of each."},
        },
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
