"""The codec between Mesos' events and the core's."""

from typing import Any

import pytest

from podexec.wire import Finding, StatusLabels
from scheduler.core.effects import Acknowledge
from scheduler.core.events import ExecutorEnded, StatusUpdated
from scheduler.mesos.codec import (
    MalformedError,
    acknowledgement_of,
    condition_of,
    executor_ended,
    fault_domain,
    offers_received,
    operation_updated,
    parsed,
    status_updated,
)
from scheduler.model.json import Json
from scheduler.model.records import Condition, NetworkAddress


@pytest.mark.parametrize(
    ("state", "condition"),
    [
        ("TASK_STAGING", Condition.STAGING),
        ("TASK_STARTING", Condition.STARTING),
        ("TASK_RUNNING", Condition.RUNNING),
        ("TASK_KILLING", Condition.KILLING),
        ("TASK_FINISHED", Condition.FINISHED),
        ("TASK_FAILED", Condition.FAILED),
        ("TASK_KILLED", Condition.KILLED),
        ("TASK_ERROR", Condition.ERROR),
        ("TASK_DROPPED", Condition.DROPPED),
        ("TASK_GONE", Condition.GONE),
        ("TASK_GONE_BY_OPERATOR", Condition.GONE_BY_OPERATOR),
        ("TASK_UNREACHABLE", Condition.UNREACHABLE),
        ("TASK_UNKNOWN", Condition.UNKNOWN),
    ],
)
def test_every_state_has_its_condition_whatever_the_reason(state: str, condition: Condition) -> None:
    assert condition_of(state, None) is condition
    assert condition_of(state, "REASON_RECONCILIATION") is condition


@pytest.mark.parametrize(
    ("reason", "condition"),
    [
        ("REASON_RECONCILIATION", Condition.UNREACHABLE),
        ("REASON_SLAVE_DISCONNECTED", Condition.UNREACHABLE),
        ("REASON_AGENT_DISCONNECTED", Condition.UNREACHABLE),
        ("REASON_SLAVE_REMOVED", Condition.UNREACHABLE),
        ("REASON_AGENT_REMOVED", Condition.UNREACHABLE),
        ("REASON_TASK_UNKNOWN", Condition.UNKNOWN),
        ("REASON_INVALID_OFFERS", Condition.GONE),
        (None, Condition.GONE),
    ],
)
def test_the_reason_decides_what_lost_means(reason: str | None, condition: Condition) -> None:
    assert condition_of("TASK_LOST", reason) is condition


def test_a_status_keeps_everything_the_core_needs() -> None:
    status = {
        "task_id": {"value": "t"},
        "state": "TASK_RUNNING",
        "agent_id": {"value": "a"},
        "uuid": "dXVpZA==",
        "timestamp": 12.25,
        "message": "well",
        "reason": "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
        "healthy": False,
        "container_status": {
            "network_infos": [
                {
                    "name": "podnet",
                    "ip_addresses": [{"protocol": "IPv4", "ip_address": "10.0.0.2"}, {"protocol": "IPv6"}],
                },
                {"ip_addresses": [{"ip_address": "192.168.1.1"}]},
            ]
        },
    }
    assert status_updated(status, now=99.0) == StatusUpdated(
        task_id="t",
        condition=Condition.RUNNING,
        agent_id="a",
        uuid="dXVpZA==",
        timestamp=12.25,
        message="well",
        reason="REASON_TASK_HEALTH_CHECK_STATUS_UPDATED",
        healthy=False,
        networks=(NetworkAddress("podnet", ("10.0.0.2",)), NetworkAddress(None, ("192.168.1.1",))),
    )


def test_a_status_of_the_master_may_lack_almost_everything() -> None:
    status = {"task_id": {"value": "t"}, "state": "TASK_UNKNOWN"}
    assert status_updated(status, now=99.0) == StatusUpdated("t", Condition.UNKNOWN, None, None, 99.0)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"task_id": "t", "state": "TASK_RUNNING"},
        {"task_id": {"value": 5}, "state": "TASK_RUNNING"},
        {"task_id": {"value": "t"}},
        {"task_id": {"value": "t"}, "state": "TASK_DANCING"},
        {"task_id": {"value": "t" * 1025}, "state": "TASK_RUNNING"},
        {"task_id": {"value": "t"}, "state": ["TASK_RUNNING"]},
        *(
            {"task_id": {"value": "t"}, "state": "TASK_RUNNING", name: value}
            for name, value in (
                ("timestamp", "noon"),
                ("timestamp", 1e300),
                ("healthy", "yes"),
                ("message", ["well"]),
                ("agent_id", {"value": 5}),
                ("container_status", []),
                ("container_status", {"network_infos": 5}),
                ("container_status", {"network_infos": [{"ip_addresses": [{"ip_address": 5}]}]}),
                ("check_status", {"http": {"status_code": "ok"}}),
                ("check_status", {"http": {"status_code": []}}),
                ("check_status", {"http": {"status_code": float("inf")}}),
                ("check_status", {"command": {"exit_code": None}}),
                ("check_status", {"tcp": {"succeeded": "yes"}}),
            )
        ),
    ],
)
def test_a_status_of_another_shape_is_refused_and_not_guessed(status: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        status_updated(status, now=99.0)


def test_a_message_is_kept_up_to_a_length() -> None:
    status = {"task_id": {"value": "t"}, "state": "TASK_RUNNING", "message": "m" * 2**20}
    assert status_updated(status, now=99.0).message == "m" * 2**16
    operation = {"operation_id": {"value": "o"}, "message": "m" * 2**20}
    assert operation_updated(operation).message == "m" * 2**16


@pytest.mark.parametrize("offers", [5, "O1", {"id": {"value": "O1"}}])
def test_offers_that_are_no_list_are_refused(offers: object) -> None:
    with pytest.raises(MalformedError, match="not a list"):
        offers_received(offers)


@pytest.mark.parametrize("record", [b"[" * 100_000, b'{"a": NaN, "b": ' + b"[" * 2000 + b"]" * 2000 + b"}"])
def test_an_event_that_is_nested_too_deeply_is_refused(record: bytes) -> None:
    with pytest.raises(MalformedError, match="nested too deeply"):
        parsed(record)


def test_text_that_is_not_utf8_becomes_marks() -> None:
    assert parsed(b'{"message": "a\xffb"}') == {"message": "a\ufffdb"}


@pytest.mark.parametrize("status", [None, "9", True, 2**40, [9]])
def test_an_executor_that_ended_with_a_status_that_is_none_has_none(status: object) -> None:
    assert executor_ended({"value": "e"}, {"value": "a"}, status) == ExecutorEnded("e", "a", None)


@pytest.mark.parametrize("domain", [5, {"fault_domain": []}, {"fault_domain": {"region": {"name": 5}, "zone": "a"}}])
def test_a_fault_domain_of_another_shape_is_none(domain: object) -> None:
    assert fault_domain({"domain": domain}) == (None, None)


@pytest.mark.parametrize("lacks", ["task_id", "agent_id", "uuid"])
def test_a_status_that_does_not_say_which_it_is_wants_no_receipt(lacks: str) -> None:
    status: Json = {"task_id": {"value": "t"}, "agent_id": {"value": "a"}, "uuid": "dXVpZA=="}
    assert acknowledgement_of(status) == Acknowledge("t", "a", "dXVpZA==")
    assert acknowledgement_of({**status, lacks: 5}) is None
    assert acknowledgement_of({name: value for name, value in status.items() if name != lacks}) is None


@pytest.mark.parametrize(
    ("told", "ready", "restarts"),
    [
        ({}, None, 0),
        ({"labels": {"labels": [{"key": "ready", "value": "false"}, {"key": "restarts", "value": "2"}]}}, False, 2),
        (
            {"labels": {"labels": [{"key": "ready", "value": "true"}]}, "check_status": {"type": "TCP", "tcp": {}}},
            True,
            0,
        ),
        ({"check_status": {"type": "COMMAND", "command": {"exit_code": 0}}}, True, 0),
        ({"check_status": {"type": "COMMAND", "command": {"exit_code": 3}}}, False, 0),
        ({"check_status": {"type": "COMMAND", "command": {}}}, None, 0),
        ({"check_status": {"type": "HTTP", "http": {"status_code": 204}}}, True, 0),
        ({"check_status": {"type": "HTTP", "http": {"status_code": 503}}}, False, 0),
        ({"check_status": {"type": "TCP", "tcp": {"succeeded": False}}}, False, 0),
    ],
)
def test_whether_a_container_can_be_used_is_what_its_executor_or_its_check_says(
    told: Json, ready: bool | None, restarts: int
) -> None:
    status = {"task_id": {"value": "t"}, "state": "TASK_RUNNING", **told}
    event = status_updated(status, 0.0)

    assert (event.ready, event.restarts) == (ready, restarts)


@pytest.mark.parametrize(
    ("status", "checks"),
    [
        ({}, None),
        ({"check_status": {"type": "COMMAND", "command": {}}}, None),
        (
            {"check_status": {"type": "COMMAND", "command": {"exit_code": 3}}},
            [("check", False, "the command exited with 3")],
        ),
        ({"check_status": {"type": "HTTP", "http": {"status_code": 404}}}, [("check", False, "HTTP 404")]),
        ({"check_status": {"type": "TCP", "tcp": {"succeeded": False}}}, [("check", False, "not connected")]),
        ({"check_status": {"type": "TCP", "tcp": {"succeeded": True}}}, [("check", True, "connected")]),
        (StatusLabels(findings=()), []),
        (
            StatusLabels(findings=(Finding("health check", False, "a\x1b[2J\nb"),)),
            [("health check", False, "a\ufffd[2J")],
        ),
    ],
)
def test_what_checks_found(status: Any, checks: list[tuple[str, bool, str]] | None) -> None:
    told = {"labels": status.encode()} if isinstance(status, StatusLabels) else status
    event = status_updated({"task_id": {"value": "t"}, "state": "TASK_RUNNING", **told}, 0.0)
    found = None if event.checks is None else [(each.check, each.passed, each.result) for each in event.checks]
    assert found == checks
