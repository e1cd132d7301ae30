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
    one_of,
    record,
    reference,
    refusal,
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
    f"The parts to show, by default all; `{KEY}` adds podexec's own members to each status.",
    list_of(one_of(*PARTS, KEY)),
)
_SHOWN = {"200": answer("The group.", reference("Group"))}
_VERSION = in_path("version", "One of the versions of the root group.", MOMENT, "2026-01-31T12:00:00.000Z")
_NO_VERSION = {
    "404": refusal("There is no such version, or no pod was below this path."),
    "422": refusal("The version is not a time."),
}
_ABSENT = {"404": refusal("No pod is below this path.")}

PATHS: dict[str, Json] = {
    "/v2/groups": {
        "get": {
            "operationId": "getRootGroup",
            "summary": "Show all pods by path",
            "parameters": [_EMBED],
            "responses": _SHOWN,
        },
    },
    "/v2/groups/versions": {
        "get": {
            "operationId": "listRootGroupVersions",
            "summary": "List the stored versions of all pods",
            "responses": {"200": answer("The versions, oldest first.", list_of(MOMENT))},
        },
    },
    "/v2/groups/versions/{version}": {
        "parameters": [_VERSION],
        "get": {
            "operationId": "getRootGroupVersion",
            "summary": "Show the pods that existed at a version, by path, as they are now",
            "parameters": [_EMBED],
            "responses": _SHOWN | _NO_VERSION,
        },
    },
    "/v2/groups/{group_id}/versions": {
        "parameters": [_ID],
        "get": {
            "operationId": "listGroupVersions",
            "summary": "List the stored versions of the pods below a path",
            "responses": {"200": answer("The versions, oldest first.", list_of(MOMENT)), **_ABSENT},
        },
    },
    "/v2/groups/{group_id}/versions/{version}": {
        "parameters": [_ID, _VERSION],
        "get": {
            "operationId": "getGroupVersion",
            "summary": "Show the pods below a path that existed at a version, as they are now",
            "parameters": [_EMBED],
            "responses": _SHOWN | _NO_VERSION,
        },
    },
    "/v2/groups/{group_id}": {
        "parameters": [_ID],
        "get": {
            "operationId": "getGroup",
            "summary": "Show the pods below a path",
            "parameters": [_EMBED],
            "responses": _SHOWN | _ABSENT,
        },
        "delete": {
            "operationId": "deleteGroup",
            "summary": "Remove every pod below a path; dependents end before their dependencies",
            "parameters": ROLLOUT,
            "responses": {
                "200": answer(
                    "Removed, and stored.",
                    reference("DeploymentStarted"),
                    {"Marathon-Deployment-Id": DEPLOYMENT_ID},
                ),
                **BAD_QUERY,
                **_ABSENT,
                "405": refusal("The root group cannot be removed."),
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
            "version": MOMENT | {"description": "The newest version of its pods."},
            "enforceRole": FLAG | {"description": "Whether its pods' role must be the group's name."},
        },
        {
            "apps": list_of({}) | {"maxItems": 0},
            "pods": list_of(reference("PodStatus")) | {"description": "The pods directly in this group."},
            "groups": list_of(reference("Group")),
        },
    ),
}
