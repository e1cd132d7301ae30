"""The chapter on groups."""

from scheduler.api.openapi.parts import (
    BAD_QUERY,
    DEPLOYMENT_ID,
    FLAG,
    MOMENT,
    ROLLOUT,
    STOPPING,
    TEXT,
    answer,
    in_path,
    in_query,
    list_of,
    record,
    reference,
    refusal,
    words,
)
from scheduler.api.openapi.pods import LOCKED
from scheduler.core.views.extras import KEY
from scheduler.core.views.groups import PARTS
from scheduler.model.json import Json

_ID = in_path(
    "group_id",
    "The group's path without its first slash. Slashes within it may be written as they are, or as %2F.",
    {"type": "string", "minLength": 1, "pattern": "^[^:]+$"},
    "product",
)
_EMBED = in_query(
    "embed",
    f"What to show beside the id, by default all; `{KEY}` also shows in each status what Marathon's has not.",
    list_of(words(*PARTS, KEY)),
)
_SHOWN = {"200": answer("The group.", reference("Group"))}
_VERSION = in_path("version", "One of the versions that the root group has.", MOMENT, "2026-01-31T12:00:00.000Z")
_NO_VERSION = {
    "404": refusal("There is no such version, or no pod was below this path."),
    "422": refusal("The version is no time."),
}
_ABSENT = {"404": refusal("No pod is below this path.")}

PATHS: dict[str, Json] = {
    "/v2/groups": {
        "get": {
            "operationId": "getRootGroup",
            "summary": "All pods by their paths",
            "parameters": [_EMBED],
            "responses": _SHOWN,
        },
    },
    "/v2/groups/versions": {
        "get": {
            "operationId": "listRootGroupVersions",
            "summary": "The kept versions of all pods",
            "responses": {"200": answer("The versions, oldest first.", list_of(MOMENT))},
        },
    },
    "/v2/groups/versions/{version}": {
        "parameters": [_VERSION],
        "get": {
            "operationId": "getRootGroupVersion",
            "summary": "The pods that were there at a time, by their paths; as they are now",
            "parameters": [_EMBED],
            "responses": _SHOWN | _NO_VERSION,
        },
    },
    "/v2/groups/{group_id}/versions": {
        "parameters": [_ID],
        "get": {
            "operationId": "listGroupVersions",
            "summary": "The kept versions of the pods below a path",
            "responses": {"200": answer("The versions, oldest first.", list_of(MOMENT)), **_ABSENT},
        },
    },
    "/v2/groups/{group_id}/versions/{version}": {
        "parameters": [_ID, _VERSION],
        "get": {
            "operationId": "getGroupVersion",
            "summary": "The pods below a path that were there at a time; as they are now",
            "parameters": [_EMBED],
            "responses": _SHOWN | _NO_VERSION,
        },
    },
    "/v2/groups/{group_id}": {
        "parameters": [_ID],
        "get": {
            "operationId": "getGroup",
            "summary": "The pods below a path",
            "parameters": [_EMBED],
            "responses": _SHOWN | _ABSENT,
        },
        "delete": {
            "operationId": "deleteGroup",
            "summary": "Remove every pod below a path; dependents end before what they depend on",
            "parameters": ROLLOUT,
            "responses": {
                "200": answer(
                    "Removed, on disk too.",
                    reference("DeploymentStarted"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                **BAD_QUERY,
                **_ABSENT,
                "405": refusal("The root cannot be removed."),
                **LOCKED,
                **STOPPING,
            },
        },
    },
}

SCHEMAS: dict[str, Json] = {
    "Group": record(
        "The pods below a path.",
        {
            "id": TEXT,
            "dependencies": list_of(TEXT) | {"maxItems": 0},
            "version": MOMENT | {"description": "The newest of its pods'."},
            "enforceRole": FLAG | {"description": "Whether its pods must have its name as their role."},
        },
        {
            "apps": list_of({}) | {"maxItems": 0},
            "pods": list_of(reference("PodStatus")) | {"description": "Those directly in it."},
            "groups": list_of(reference("Group")),
        },
    ),
}
