"""The building blocks of the OpenAPI document: schemas of plain values, answers, parameters."""

from typing import Any

from scheduler.core.views.extras import KEY
from scheduler.model.json import Json

TEXT: Json = {"type": "string"}
TEXT_OR_NULL: Json = {"type": ["string", "null"]}
FLAG: Json = {"type": "boolean"}
COUNT: Json = {"type": "integer", "minimum": 0}
PORT: Json = {"type": "integer", "minimum": 1, "maximum": 65535}
AMOUNT: Json = {"type": "number", "minimum": 0}
MOMENT: Json = {"type": "string", "format": "date-time", "description": "UTC, ISO 8601 with milliseconds"}
DEPLOYMENT_ID: Json = {"description": "The deployment that makes the change.", "required": True, "schema": TEXT}

_EVERY_ANSWER: Json = {
    "X-Marathon-Leader": {"description": "The URL of the scheduler that answered.", "schema": TEXT},
    "Cache-Control": {"schema": {"const": "no-cache, no-store, must-revalidate"}},
}


def reference(name: str) -> Json:
    """A reference to one of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(description: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> Json:
    """The schema of an object."""
    return {
        "type": "object",
        "description": description,
        "properties": required | (optional or {}),
        "required": list(required),
    }


def list_of(items: Json) -> Json:
    """The schema of an array."""
    return {"type": "array", "items": items}


def one_of(*each: str) -> Json:
    """The schema of a string that is one of these values."""
    return {"type": "string", "enum": list(each)}


def answer(
    description: str,
    schema: Json | None,
    headers: Json | None = None,
    media_types: tuple[str, ...] = ("application/json",),
) -> Json:
    """One answer of an operation. Without a schema it has no body."""
    shown: Json = {"description": description, "headers": _EVERY_ANSWER | (headers or {})}
    if schema is not None:
        shown["content"] = {media_type: {"schema": schema} for media_type in media_types}
    return shown


def refusal(description: str) -> Json:
    """An error answer, with a message."""
    return answer(description, reference("Message"))


def body(description: str, schema: Json) -> Json:
    """A required JSON body of a request."""
    return {"required": True, "description": description, "content": {"application/json": {"schema": schema}}}


def in_query(name: str, description: str, schema: Json) -> Json:
    """An optional query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_path(name: str, description: str, schema: Json, example: str) -> Json:
    """A path parameter."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def extras(optional: dict[str, Any]) -> Json:
    """The member of an object that holds podexec's additions, which are shown on request only."""
    return {KEY: record(f"podexec's additions; shown with `embed={KEY}`.", {}, optional)}


ON_HOLD: Json = TEXT | {"description": "Why the scheduler does not launch or kill anything yet."}
WITH_EXTRAS: Json = in_query(
    "embed", f"`{KEY}` adds podexec's own members, under a member of that name.", list_of(TEXT)
)
STOPPING: Json = {"503": refusal("The scheduler is stopping.")}
BAD_QUERY: Json = {"400": refusal("A query parameter has an invalid value.")}
FORCE: Json = in_query(
    "force",
    "Cancel conflicting deployments first; changes they have already made are kept. "
    "A removal then also removes pods that others depend on.",
    FLAG | {"default": False},
)
ROLLOUT: list[Json] = [
    FORCE,
    in_query(
        "batchSize",
        "Replace at most this many instances of a pod at a time; by default as many as its `upgrade` allows.",
        {"type": "integer", "minimum": 1, "maximum": 100_000},
    ),
    in_query(
        "deadlineSeconds",
        "Roll back if the deployment has not finished after this many seconds; by default never.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 31_536_000},
    ),
]
SCHEMAS: dict[str, Json] = {
    "Message": record("Why a request was refused.", {"message": TEXT}, {"details": {}}),
    "Locked": record(
        "Why a request was refused, and the conflicting deployments.",
        {"message": TEXT},
        {"details": {}, "deployments": list_of(record("A deployment.", {"id": TEXT}))},
    ),
    "DeploymentStarted": record("A change that has started.", {"version": MOMENT, "deploymentId": TEXT}),
}
