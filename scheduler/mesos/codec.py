"""Turns Mesos' v1 JSON into the core's events. Pure."""

import json
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, overload

import orjson

from podexec.wire import Finding, StatusLabels
from scheduler.core.effects import Acknowledge
from scheduler.core.events import (
    AgentLost,
    ExecutorEnded,
    OfferRescinded,
    OffersReceived,
    OperationUpdated,
    StatusUpdated,
)
from scheduler.core.untrusted_text import line_and_detail
from scheduler.model.json import Json
from scheduler.model.records import CheckResult, Condition, NetworkAddress
from scheduler.model.shapes import LONGEST_ID, Shape, flag, identifier, number, shown, text

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

_MOST_DIGITS = 20
_LARGEST_STATUS = 2**31
LARGEST_EVENT = 32 * 1024 * 1024  # bytes; those with many offers are divided before
LONGEST_MESSAGE = 64 * 1024  # characters: it is kept with the task
_LONGEST_NAME = 256  # characters of a reason, a source, a network's name or address
MOST_NETWORKS, _MOST_ADDRESSES = 16, 16
_DEEPEST = 16  # levels of JSON that a call has around a part of an offer

# Without PARTITION_AWARE masters send TASK_LOST for everything; only the reason shows whether the task may return.
_LOST_BY_REASON: Mapping[str, Condition] = {
    "REASON_RECONCILIATION": Condition.UNREACHABLE,
    "REASON_SLAVE_DISCONNECTED": Condition.UNREACHABLE,
    "REASON_AGENT_DISCONNECTED": Condition.UNREACHABLE,
    "REASON_SLAVE_REMOVED": Condition.UNREACHABLE,
    "REASON_AGENT_REMOVED": Condition.UNREACHABLE,
    "REASON_TASK_UNKNOWN": Condition.UNKNOWN,
}


class MalformedError(Exception):
    """An event has an unexpected shape; says what is wrong with it."""


def parsed(record: bytes | bytearray) -> Json:
    """An event's JSON. Mesos forwards text written by tasks: bytes that are not UTF-8 are replaced by a mark. Numbers
    that JSON does not have, such as NaN, become null. Raises ValueError for anything that is not an event, and
    MalformedError for one that is nested too deeply or too large: decoded it may need thirty times its size.
    """
    if len(record) > LARGEST_EVENT:
        raise MalformedError(f"{shown(record)} has {len(record)} bytes; {LARGEST_EVENT} are the most")
    try:
        event = orjson.loads(record)
    except orjson.JSONDecodeError:
        event = _leniently(record)
    if not isinstance(event, dict):
        raise ValueError(f"{shown(event)} is not an object")
    if event.get("type") != "OFFERS":  # of which each is looked at: the others can be used
        _require_shallow(event, record)
    return event


def _require_shallow(event: object, record: bytes | bytearray) -> None:
    """Raise MalformedError for what could not be written again, into a call or the log: orjson reads deeper JSON than
    it writes. To let it try costs less than to measure.
    """
    try:
        orjson.dumps(event)
    except orjson.JSONEncodeError:
        raise MalformedError(f"{shown(record)} is nested too deeply") from None


def _leniently(record: bytes | bytearray) -> object:
    try:
        read = json.loads(
            record.decode(errors="replace"), parse_constant=lambda _: None, parse_float=_finite, parse_int=_bounded
        )
        return orjson.loads(json.dumps(read, ensure_ascii=False).encode(errors="replace"))
    except (RecursionError, orjson.JSONDecodeError) as error:
        if isinstance(error, RecursionError) or "depth" in str(error) or "recursion" in str(error).lower():
            raise MalformedError(f"{shown(record)} is nested too deeply") from None
        raise


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _bounded(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def offers_received(offers: object, more: int = 0) -> tuple[OffersReceived, list[str]]:
    """The offers, unchanged, and the problems of those without a readable id. Raises MalformedError."""
    known, unknown = _with_ids(offers, "offer")
    if _is_too_deep(known):  # found in a fraction of the time in which they were decoded
        known = [{"id": each["id"]} if _is_too_deep(each) else each for each in known]  # to be declined
    return OffersReceived(tuple(known), more), unknown


def _is_too_deep(value: object) -> bool:
    """Whether a call that contains the value is nested more deeply than can be written."""
    for _ in range(_DEEPEST):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


def inverse_offer_ids(offers: object) -> tuple[list[Json], list[str]]:
    """The ids of inverse offers, and the problems of those without a readable one. Raises MalformedError."""
    known, unknown = _with_ids(offers, "inverse offer")
    return [{"value": offer["id"]["value"]} for offer in known], unknown


def _with_ids(offers: object, what: str) -> tuple[list[Json], list[str]]:
    if not isinstance(offers, list):
        raise MalformedError(f"{what}s are {shown(offers)}, not a list")
    known: list[Json] = []
    unknown: list[str] = []
    for offer in offers:
        complaint = identifier(offer.get("id")) if isinstance(offer, dict) else f" is {shown(offer)}, not an object"
        if complaint is None:
            known.append(offer)
        else:
            unknown.append(f"the id of an {what}{complaint}")
    return known, unknown


def offer_rescinded(offer_id: Json) -> OfferRescinded:
    """The offer that is no longer valid."""
    return OfferRescinded(value_of(offer_id, "offer_id"))


def status_updated(status: Json, now: float) -> StatusUpdated:
    """A task's status; ``now`` replaces a missing timestamp. Raises MalformedError."""
    try:
        reason = _member(status, "reason", text)
        return StatusUpdated(
            task_id=value_of(status.get("task_id"), "task_id"),
            condition=condition_of(status.get("state"), reason),
            agent_id=_optional(status, "agent_id"),
            uuid=_member(status, "uuid", text),
            timestamp=float(_member(status, "timestamp", number, now)),
            message=_member(status, "message", text, "")[:LONGEST_MESSAGE],
            reason=shortened(reason),
            source=shortened(_member(status, "source", text, "")),
            healthy=_member(status, "healthy", flag),
            networks=_networks(status.get("container_status", {})),
            **executor_members(status.get("labels"), status.get("check_status")),
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise MalformedError(f"the status has an unexpected shape: {shown(str(error))}") from error


def acknowledgement_of(status: Json) -> Acknowledge | None:
    """The acknowledgement of a status, whose other members need not be readable; None: it needs none, or has no
    readable ids.
    """
    try:
        task_id, agent_id = value_of(status.get("task_id"), "task_id"), value_of(status.get("agent_id"), "agent_id")
        uuid = _member(status, "uuid", text)
    except MalformedError:
        return None
    return None if uuid is None else Acknowledge(task_id, agent_id, uuid)


def executor_members(labels: Json | None, found: Json | None) -> Json:
    """The members of the event from the labels of podexec's executor; for others, from the result of Mesos' check."""
    if labels is None and found is None:
        return {}
    decoded = StatusLabels.decode(labels)
    passed = _passed(found or {})
    return {
        "ready": passed if decoded.ready is None else decoded.ready,
        "restarts": decoded.restarts,
        "checks": _checks(decoded.findings, found or {}, passed),
    }


def _checks(findings: tuple[Finding, ...] | None, found: Json, passed: bool | None) -> tuple[CheckResult, ...] | None:
    """The results of checks as podexec's executor reports them; for other executors, the result of Mesos' check."""
    if findings is not None:
        return tuple([CheckResult(_line(each.check), each.passed, _line(each.result)) for each in findings])
    if passed is None:
        return None
    if "succeeded" in found.get("tcp", {}):
        result = "connected" if passed else "not connected"
    else:
        code = found.get("command", {}).get("exit_code")
        result = f"HTTP {found['http']['status_code']}" if code is None else f"the command exited with {code}"
    return (CheckResult("check", passed, shortened(result)),)


def _line(of: str) -> str:
    return line_and_detail(of)[0]


def _passed(found: Json) -> bool | None:
    """Whether a CheckStatusInfo reports success; None: the check has not finished yet."""
    if "exit_code" in found.get("command", {}):
        return bool(found["command"]["exit_code"] == 0)
    if "status_code" in found.get("http", {}):
        return 200 <= int(found["http"]["status_code"]) < 400
    succeeded: bool | None = _member(found.get("tcp", {}), "succeeded", flag)
    return succeeded


def operation_updated(status: Json) -> OperationUpdated:
    """The status of an operation. Raises MalformedError."""
    return OperationUpdated(
        operation_id=value_of(status.get("operation_id"), "operation_id"),
        state=_member(status, "state", text, "OPERATION_UNKNOWN"),
        message=_member(status, "message", text, "")[:LONGEST_MESSAGE],
        agent_id=_optional(status, "agent_id"),
        uuid=_optional(status, "uuid"),
        resource_provider_id=_optional(status, "resource_provider_id"),
    )


def executor_ended(executor_id: Json, agent_id: Json, status: object) -> ExecutorEnded:
    """The executor that a FAILURE is about; an unreadable exit status is omitted. Raises MalformedError."""
    ended = status if type(status) is int and abs(status) < _LARGEST_STATUS else None
    return ExecutorEnded(value_of(executor_id, "executor_id"), value_of(agent_id, "agent_id"), ended)


def agent_lost(agent_id: Json) -> AgentLost:
    """The agent that a FAILURE is about. Raises MalformedError."""
    return AgentLost(value_of(agent_id, "agent_id"))


def fault_domain(master: Json) -> tuple[str | None, str | None]:
    """The region and the zone in a MasterInfo; None for each that is missing or unreadable."""
    domain = _object(_object(master.get("domain")).get("fault_domain"))
    region, zone = (_object(domain.get(name)).get("name") for name in ("region", "zone"))
    return (region if isinstance(region, str) else None), (zone if isinstance(zone, str) else None)


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def condition_of(state: object, reason: str | None) -> Condition:
    """The condition for a Mesos task state. Raises MalformedError for an unknown state: a wrong guess could end the
    task.
    """
    if state == "TASK_LOST":
        return _LOST_BY_REASON.get(reason or "", Condition.GONE)
    condition = _CONDITIONS.get(state) if isinstance(state, str) else None
    if condition is None:
        raise MalformedError(f"this podexec does not know the task state {shown(state)}")
    return condition


def value_of(wrapped: object, name: str) -> str:
    """The string in Mesos' wrapper around an id. Raises MalformedError."""
    value = wrapped.get("value") if isinstance(wrapped, dict) else None
    if not isinstance(value, str):
        raise MalformedError(f"{name} is {shown(wrapped)}, not an object with a value")
    if len(value) > LONGEST_ID:
        raise MalformedError(f"{name} is {shown(value)}, which is too long")
    return value


def _optional(message: Json, name: str) -> str | None:
    return None if message.get(name) is None else value_of(message[name], name)


def _member(message: Json, name: str, shape: Shape, default: Any = None) -> Any:
    """A member that may be missing. Raises MalformedError if it has another shape."""
    value = message.get(name)
    if value is None:
        return default
    complaint = shape(value)
    if complaint is not None:
        raise MalformedError(f"{name}{complaint}")
    return value


def _networks(container_status: Json) -> tuple[NetworkAddress, ...]:
    infos = container_status.get("network_infos")
    if not infos:
        return ()
    return tuple(
        [
            network(
                _member(info, "name", text),
                tuple([_text(at["ip_address"]) for at in info.get("ip_addresses", ()) if "ip_address" in at]),
            )
            for info in infos[:MOST_NETWORKS]
        ]
    )


def _text(value: object) -> str:
    complaint = text(value)
    if complaint is not None:
        raise MalformedError(f"ip_address{complaint}")
    return str(value)


def network(name: str | None, addresses: tuple[str, ...]) -> NetworkAddress:
    """One shared record for equal addresses, which all containers on an agent's own network have."""
    return _network(shortened(name), tuple([shortened(each) for each in addresses[:_MOST_ADDRESSES]]))


@lru_cache(maxsize=65536)
def _network(name: str | None, addresses: tuple[str, ...]) -> NetworkAddress:
    return NetworkAddress(name, addresses)


@overload
def shortened(text: str) -> str: ...
@overload
def shortened(text: str | None) -> str | None: ...
def shortened(text: str | None) -> str | None:
    """At most the beginning of a name, which is kept with the task."""
    return text if text is None or len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME]
