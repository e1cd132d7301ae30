"""Turns the core's effects into the bodies of calls, in Mesos' v1 JSON. Pure."""

import orjson

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    AcknowledgeOperation,
    Decline,
    Kill,
    LaunchGroup,
    Operation,
    Reconcile,
    Revive,
    Shutdown,
    Suppress,
)
from scheduler.model.json import Json

# The effects whose calls need only the effect itself and the framework's id.
PlainCall = Accept | Decline | Revive | Suppress | Kill | Shutdown | Reconcile | Acknowledge | AcknowledgeOperation


def call_body(effect: PlainCall, framework_id: str) -> Json:
    """The body of an effect's call, to be written by orjson."""
    call = _call(effect)
    return {**call, "framework_id": {"value": framework_id}}


def _call(effect: PlainCall) -> Json:
    match effect:
        case Acknowledge():  # first: most are
            return _typed("ACKNOWLEDGE", **_task(effect.task_id, effect.agent_id), uuid=effect.uuid)
        case Accept():
            operations = [_operation(each) for each in effect.operations]
            return _typed("ACCEPT", offer_ids=[{"value": effect.offer_id}], operations=operations, **_filters(effect))
        case Decline():
            return _typed(
                "DECLINE", offer_ids=[{"value": offer_id} for offer_id in effect.offer_ids], **_filters(effect)
            )
        case Revive():
            return _typed("REVIVE", roles=list(effect.roles))
        case Suppress():
            return _typed("SUPPRESS", roles=list(effect.roles))
        case Kill():
            return _typed("KILL", **_task(effect.task_id, effect.agent_id))
        case Shutdown():
            return _typed("SHUTDOWN", executor_id={"value": effect.executor_id}, agent_id={"value": effect.agent_id})
        case Reconcile():
            return _typed("RECONCILE", tasks=[_task(task_id, agent_id) for task_id, agent_id in effect.tasks])
        case AcknowledgeOperation():
            return _typed(
                "ACKNOWLEDGE_OPERATION_STATUS",
                operation_id={"value": effect.operation_id},
                agent_id={"value": effect.agent_id},
                uuid=effect.uuid,
                **_resource_provider(effect.resource_provider_id),
            )


def update_framework(info: Json, suppressed: list[str]) -> Json:
    """The body of the call that changes the framework's roles; ``info`` must have the framework's id."""
    call = _typed("UPDATE_FRAMEWORK", framework_info=info, suppressed_roles=suppressed)
    return {**call, "framework_id": info["id"]}


def _typed(name: str, **members: object) -> Json:
    return {"type": name, name.lower(): members}


def _operation(operation: Operation) -> Json | orjson.Fragment:
    return orjson.Fragment(operation.text) if isinstance(operation, LaunchGroup) else operation


def _filters(effect: Accept | Decline) -> Json:
    return {"filters": {"refuse_seconds": effect.refuse_seconds}}


def _task(task_id: str, agent_id: str | None) -> Json:
    task: Json = {"task_id": {"value": task_id}}
    if agent_id is not None:
        task["agent_id"] = {"value": agent_id}
    return task


def _resource_provider(provider_id: str | None) -> Json:
    return {} if provider_id is None else {"resource_provider_id": {"value": provider_id}}
