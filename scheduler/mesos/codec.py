"""Mesos' v1 JSON to the core's events, and the core's effects to the bodies of calls. Pure."""

import json
from collections.abc import Mapping

import orjson

from scheduler.core.effects import Accept, Acknowledge, Decline, Kill, Reconcile, Revive, Suppress
from scheduler.core.events import OfferRescinded, OffersReceived, StatusUpdated
from scheduler.model.json import Json
from scheduler.model.records import Condition, NetworkAddress

_CONDITIONS: Mapping[str, Condition] = {
    "TASK_STAGING": Condition.STAGING,
    "TASK_STARTING": Condition.STARTING,
    "TASK_RUNNING": Condition.RUNNING,
    "TASK_KILLING": Condition.KILLING,
    "TASK_FINISHED": Condition.FINISHED,
    "TASK_FAILED": Condition.FAILED,
    "TASK_KILLED": Condition.KILLED,
    "TASK_ERROR": Condition.ERROR,
    "TASK_DROPPED": Condition.DROPPED,
    "TASK_GONE": Condition.GONE,
    "TASK_GONE_BY_OPERATOR": Condition.GONE_BY_OPERATOR,
    "TASK_UNREACHABLE": Condition.UNREACHABLE,
    "TASK_UNKNOWN": Condition.UNKNOWN,
}

# Masters without PARTITION_AWARE say TASK_LOST for everything; only the reason tells whether the task may come back.
_LOST_BY_REASON: Mapping[str, Condition] = {
    "REASON_RECONCILIATION": Condition.UNREACHABLE,
    "REASON_SLAVE_DISCONNECTED": Condition.UNREACHABLE,
    "REASON_AGENT_DISCONNECTED": Condition.UNREACHABLE,
    "REASON_SLAVE_REMOVED": Condition.UNREACHABLE,
    "REASON_AGENT_REMOVED": Condition.UNREACHABLE,
    "REASON_TASK_UNKNOWN": Condition.UNKNOWN,
}

# The calls whose bodies need nothing but the effect and the framework's id.
PlainCall = Accept | Decline | Revive | Suppress | Kill | Reconcile | Acknowledge


def parsed(record: bytes) -> Json:
    """An event's JSON. Mesos passes on text that tasks wrote, which need not be UTF-8: what is not becomes a mark.
    Raises ValueError.
    """
    try:
        event: Json = orjson.loads(record)
    except orjson.JSONDecodeError:
        lenient = json.loads(record.decode(errors="replace"))
        event = orjson.loads(json.dumps(lenient, ensure_ascii=False).encode(errors="replace"))
    return event


class MalformedError(Exception):
    """An event does not have the shape this program knows; says what is wrong with it."""


def offers_received(offers: list[Json]) -> OffersReceived:
    """Offers stay as Mesos wrote them."""
    return OffersReceived(tuple(offers))


def offer_rescinded(offer_id: Json) -> OfferRescinded:
    """The offer that is no longer valid."""
    return OfferRescinded(_value(offer_id, "offer_id"))


def status_updated(status: Json, now: float) -> StatusUpdated:
    """A task's status; ``now`` stands in for a sender's time that is missing. Raises MalformedError."""
    try:
        reason = status.get("reason")
        agent_id = status.get("agent_id")
        return StatusUpdated(
            task_id=_value(status["task_id"], "task_id"),
            condition=condition_of(status["state"], reason),
            agent_id=None if agent_id is None else _value(agent_id, "agent_id"),
            uuid=status.get("uuid"),
            timestamp=float(status.get("timestamp", now)),
            message=str(status.get("message", "")),
            reason=reason,
            healthy=status.get("healthy"),
            networks=_networks(status.get("container_status", {})),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"the status has an unexpected shape: {error!r}") from error


def condition_of(state: str, reason: str | None) -> Condition:
    """The condition of a Mesos task state. Raises MalformedError for a state that is not known: to guess could cost
    the task its life.
    """
    if state == "TASK_LOST":
        return _LOST_BY_REASON.get(reason or "", Condition.GONE)
    condition = _CONDITIONS.get(state)
    if condition is None:
        raise MalformedError(f"the task state {state!r} is not known to this podexec")
    return condition


def call_body(effect: PlainCall, framework_id: str) -> Json:
    """The body of the call that an effect asks for."""
    call = _call(effect)
    return {**call, "framework_id": {"value": framework_id}}


def _call(effect: PlainCall) -> Json:
    match effect:
        case Accept():
            return _typed(
                "ACCEPT", offer_ids=[{"value": effect.offer_id}], operations=list(effect.operations), **_filters(effect)
            )
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
        case Reconcile():
            return _typed("RECONCILE", tasks=[_task(task_id, agent_id) for task_id, agent_id in effect.tasks])
        case Acknowledge():
            return _typed("ACKNOWLEDGE", **_task(effect.task_id, effect.agent_id), uuid=effect.uuid)


def update_framework(info: Json, suppressed: list[str]) -> Json:
    """The body of the call that changes the framework's roles; ``info`` with its id."""
    call = _typed("UPDATE_FRAMEWORK", framework_info=info, suppressed_roles=suppressed)
    return {**call, "framework_id": info["id"]}


def _typed(name: str, **members: object) -> Json:
    return {"type": name, name.lower(): members}


def _filters(effect: Accept | Decline) -> Json:
    return {"filters": {"refuse_seconds": effect.refuse_seconds}}


def _task(task_id: str, agent_id: str | None) -> Json:
    task: Json = {"task_id": {"value": task_id}}
    if agent_id is not None:
        task["agent_id"] = {"value": agent_id}
    return task


def _value(wrapped: object, name: str) -> str:
    value = wrapped.get("value") if isinstance(wrapped, dict) else None
    if not isinstance(value, str):
        raise MalformedError(f"{name} is {wrapped!r}, not an object with a value")
    return value


def _networks(container_status: Json) -> tuple[NetworkAddress, ...]:
    return tuple(
        NetworkAddress(
            name=info.get("name"),
            addresses=tuple(at["ip_address"] for at in info.get("ip_addresses", ()) if "ip_address" in at),
        )
        for info in container_status.get("network_infos", ())
    )
