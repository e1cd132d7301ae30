"""Mesos' v1 JSON as the core's events. Pure."""

import json
from collections.abc import Mapping
from functools import lru_cache

import orjson

from podexec.wire import StatusLabels
from scheduler.core.events import (
    AgentLost,
    ExecutorEnded,
    OfferRescinded,
    OffersReceived,
    OperationUpdated,
    StatusUpdated,
)
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


def parsed(record: bytes | bytearray) -> Json:
    """An event's JSON. Mesos passes on text that tasks wrote, which need not be UTF-8: what is not becomes a mark.
    Raises ValueError.
    """
    try:
        event = orjson.loads(record)
    except orjson.JSONDecodeError:
        lenient = json.loads(record.decode(errors="replace"))
        event = orjson.loads(json.dumps(lenient, ensure_ascii=False).encode(errors="replace"))
    if not isinstance(event, dict):
        raise ValueError(f"{event!r:.100} is not an object")
    return event


class MalformedError(Exception):
    """An event does not have the shape this program knows; says what is wrong with it."""


def offers_received(offers: list[Json]) -> OffersReceived:
    """Offers stay as Mesos wrote them. Raises MalformedError if one does not say whose it is."""
    for offer in offers:
        value_of(offer.get("id"), "an offer's id")
        value_of(offer.get("agent_id"), "an offer's agent_id")
    return OffersReceived(tuple(offers))


def inverse_offer_ids(offers: list[Json]) -> list[Json]:
    """The ids of inverse offers. Raises MalformedError."""
    return [{"value": value_of(offer.get("id"), "an inverse offer's id")} for offer in offers]


def offer_rescinded(offer_id: Json) -> OfferRescinded:
    """The offer that is no longer valid."""
    return OfferRescinded(value_of(offer_id, "offer_id"))


def status_updated(status: Json, now: float) -> StatusUpdated:
    """A task's status; ``now`` stands in for a sender's time that is missing. Raises MalformedError."""
    try:
        reason = status.get("reason")
        agent_id = status.get("agent_id")
        return StatusUpdated(
            task_id=value_of(status["task_id"], "task_id"),
            condition=condition_of(status["state"], reason),
            agent_id=None if agent_id is None else value_of(agent_id, "agent_id"),
            uuid=status.get("uuid"),
            timestamp=float(status.get("timestamp", now)),
            message=str(status.get("message", "")),
            reason=reason,
            source=str(status.get("source", "")),
            healthy=status.get("healthy"),
            networks=_networks(status.get("container_status", {})),
            **_told_by_executor(status),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MalformedError(f"the status has an unexpected shape: {error!r}") from error


def _told_by_executor(status: Json) -> Json:
    """What podexec's executor says in labels; of another's check, what it found."""
    labels, found = status.get("labels"), status.get("check_status")
    if labels is None and found is None:
        return {}
    told = StatusLabels.decode(labels)
    return {"ready": _passed(found or {}) if told.ready is None else told.ready, "restarts": told.restarts}


def _passed(found: Json) -> bool | None:
    """Whether a CheckStatusInfo tells of success; None where the check has not ended once."""
    if "exit_code" in found.get("command", {}):
        return bool(found["command"]["exit_code"] == 0)
    if "status_code" in found.get("http", {}):
        return 200 <= int(found["http"]["status_code"]) < 400
    succeeded: bool | None = found.get("tcp", {}).get("succeeded")
    return succeeded


def operation_updated(status: Json) -> OperationUpdated:
    """The status of an operation. Raises MalformedError."""
    uuid = status.get("uuid")
    return OperationUpdated(
        operation_id=value_of(status.get("operation_id"), "operation_id"),
        state=str(status.get("state", "OPERATION_UNKNOWN")),
        message=str(status.get("message", "")),
        agent_id=_optional(status, "agent_id"),
        uuid=None if uuid is None else value_of(uuid, "uuid"),
        resource_provider_id=_optional(status, "resource_provider_id"),
    )


def executor_ended(executor_id: Json, agent_id: Json, status: int | None) -> ExecutorEnded:
    """The executor that a FAILURE is about. Raises MalformedError."""
    return ExecutorEnded(value_of(executor_id, "executor_id"), value_of(agent_id, "agent_id"), status)


def agent_lost(agent_id: Json) -> AgentLost:
    """The agent that a FAILURE is about. Raises MalformedError."""
    return AgentLost(value_of(agent_id, "agent_id"))


def fault_domain(master: Json) -> tuple[str | None, str | None]:
    """The region and the zone in a MasterInfo."""
    domain = master.get("domain", {}).get("fault_domain", {})
    return domain.get("region", {}).get("name"), domain.get("zone", {}).get("name")


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


def value_of(wrapped: object, name: str) -> str:
    """The text in Mesos' wrapper around an id. Raises MalformedError."""
    value = wrapped.get("value") if isinstance(wrapped, dict) else None
    if not isinstance(value, str):
        raise MalformedError(f"{name} is {wrapped!r}, not an object with a value")
    return value


def _optional(message: Json, name: str) -> str | None:
    return None if message.get(name) is None else value_of(message[name], name)


def _networks(container_status: Json) -> tuple[NetworkAddress, ...]:
    infos = container_status.get("network_infos")
    if not infos:
        return ()
    return tuple(
        [
            _network(
                info.get("name"),
                tuple([at["ip_address"] for at in info.get("ip_addresses", ()) if "ip_address" in at]),
            )
            for info in infos
        ]
    )


@lru_cache(maxsize=65536)
def _network(name: str | None, addresses: tuple[str, ...]) -> NetworkAddress:
    """One record for all that are alike: on an agent's own network all containers are."""
    return NetworkAddress(name, addresses)
