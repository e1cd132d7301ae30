"""The chapter on orphans: running tasks that no record knows."""

from scheduler.api.openapi.parts import (
    DEPLOYMENT_ID,
    MOMENT,
    STOPPING,
    TEXT,
    TEXT_OR_NULL,
    answer,
    body,
    in_path,
    list_of,
    record,
    reference,
    refusal,
)
from scheduler.api.openapi.pods import LOCKED, UNREADABLE
from scheduler.model.json import Json

_ID = in_path(
    "orphan_id",
    "The orphan's id, as it is listed: that of its executor or, if podexec cannot have launched it, of its task.",
    {"type": "string", "minLength": 1},
    "instance-product_web.6b0d5a0f-0000-4000-8000-000000000000",
)

PATHS: dict[str, Json] = {
    "/v2/orphans": {
        "get": {
            "operationId": "listOrphans",
            "summary": "List tasks of this framework that run and are on no record",
            "responses": {
                "200": answer("The orphans.", record("The orphans.", {"orphans": list_of(reference("Orphan"))}))
            },
        },
    },
    "/v2/orphans/{orphan_id}": {
        "parameters": [_ID],
        "put": {
            "operationId": "adoptOrphan",
            "summary": "Make an orphan an instance of a pod, as it runs; a pod that does not exist is created",
            "requestBody": body("The pod's definition.", reference("PodDefinition")),
            "responses": {
                "200": answer(
                    "Adopted, and stored; the definition as it is stored.",
                    reference("PodDefinition"),
                    {"Marathon-Deployment-Id": {**DEPLOYMENT_ID, "required": False}},
                ),
                "404": refusal("There is no such orphan, or the path is not that of one."),
                **UNREADABLE,
                **LOCKED,
                "409": answer("The pod exists with another definition.", reference("Locked")),
                **STOPPING,
            },
        },
        "delete": {
            "operationId": "killOrphan",
            "summary": "Kill an orphan",
            "responses": {
                "204": answer("It is being killed; the attempt is repeated until it has ended.", None),
                "404": refusal("There is no such orphan."),
                **STOPPING,
            },
        },
    },
}

SCHEMAS: dict[str, Json] = {
    "Orphan": record(
        "Tasks of this framework that run together and are on no record.",
        {"id": TEXT},
        {
            "podId": TEXT_OR_NULL | {"description": "null: podexec cannot have launched it."},
            "instanceId": TEXT_OR_NULL,
            "agentId": TEXT,
            "agentHostname": TEXT,
            "since": MOMENT | {"description": "When it was noticed, since the scheduler's last start."},
            "tasks": list_of(
                record("A task.", {"id": TEXT, "container": TEXT_OR_NULL, "condition": TEXT}),
            ),
            "message": TEXT | {"description": "Why it cannot be shown."},
        },
    ),
}
