"""The codec between Mesos' events and the core's."""

from typing import Any

import pytest

from podexec.wire import Finding, StatusLabels
from scheduler.core.events import StatusUpdated
from scheduler.mesos.codec import MalformedError, condition_of, status_updated
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
        {"task_id": {"value": "t"}, "state": "TASK_RUNNING", "timestamp": "noon"},
        {"task_id": {"value": "t"}, "state": "TASK_RUNNING", "container_status": []},
    ],
)
def test_a_status_of_another_shape_is_refused_and_not_guessed(status: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        status_updated(status, now=99.0)


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
