"""What the chapters of the OpenAPI document are written with: schemas of plain values, answers, parameters."""

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
DEPLOYMENT_ID: Json = {"description": "The deployment that carries the change out.", "required": True, "schema": TEXT}

_EVERY_ANSWER: Json = {
    "X-Marathon-Leader": {"description": "The URL of the scheduler that answered.", "schema": TEXT},
    "Cache-Control": {"schema": {"const": "no-cache, no-store, must-revalidate"}},
}


def reference(name: str) -> Json:
    """Where the document refers to one of its components."""
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


def words(*each: str) -> Json:
    """The schema of a text that is one of these."""
    return {"type": "string", "enum": list(each)}


def answer(
    description: str,
    schema: Json | None,
    headers: Json | None = None,
    media_types: tuple[str, ...] = ("application/json",),
) -> Json:
    """One answer of an operation. Without a schema it has no body."""
    told: Json = {"description": description, "headers": _EVERY_ANSWER | (headers or {})}
    if schema is not None:
        told["content"] = {media_type: {"schema": schema} for media_type in media_types}
    return told


def refusal(description: str) -> Json:
    """An answer that says no, with a message."""
    return answer(description, reference("Message"))


def body(description: str, schema: Json) -> Json:
    """A request's body in JSON, without which there is no request."""
    return {"required": True, "description": description, "content": {"application/json": {"schema": schema}}}


def in_query(name: str, description: str, schema: Json) -> Json:
    """A parameter that may be left out."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def in_path(name: str, description: str, schema: Json, example: str) -> Json:
    """A part of the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
    }


def extras(optional: dict[str, Any]) -> Json:
    """The member of an object that holds what is podexec's own; only who asks for it is shown it."""
    return {KEY: record(f"What Marathon's have not; shown with `embed={KEY}`.", {}, optional)}


ON_HOLD: Json = TEXT | {"description": "Why the scheduler launches and kills nothing yet."}
WITH_EXTRAS: Json = in_query(
    "embed", f"`{KEY}` also shows what Marathon's answer has not, under a member of that name.", list_of(TEXT)
)
STOPPING: Json = {"503": refusal("The scheduler is stopping.")}
BAD_QUERY: Json = {"400": refusal("A query parameter has a value that it cannot have.")}
FORCE: Json = in_query(
    "force",
    "Whether this may take the place of deployments that are in its way, which end as far as they have come.",
    FLAG | {"default": False},
)
ROLLOUT: list[Json] = [
    FORCE,
    in_query(
        "batchSize",
        "At most so many instances of a pod are replaced at a time; by default as many as its `upgrade` allows.",
        {"type": "integer", "minimum": 1, "maximum": 100_000},
    ),
    in_query(
        "deadlineSeconds",
        "The deployment is rolled back by itself unless it is done after so many seconds; by default it never is.",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 31_536_000},
    ),
]
SCHEMAS: dict[str, Json] = {
    "Message": record("Why a request was refused.", {"message": TEXT}, {"details": {}}),
    "Locked": record(
        "Why a request was refused, and the deployments that are in its way.",
        {"message": TEXT},
        {"details": {}, "deployments": list_of(record("A deployment.", {"id": TEXT}))},
    ),
    "DeploymentStarted": record("A change that is under way.", {"version": MOMENT, "deploymentId": TEXT}),
}
