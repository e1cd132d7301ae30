"""The short way of usual statuses: what is read there is what the codec reads, and nothing else is read there."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from podexec.wire import Finding, StatusLabels
from scheduler.core.events import StatusUpdated
from scheduler.mesos.codec import parsed, status_updated
from scheduler.mesos.typed_status import read_status
from tests.fakes.master import status
from tests.mesos.test_any_event import STATUSES, VALUES

NOW = 99.0
LEAST = {"task_id": {"value": "t"}, "state": "TASK_RUNNING"}
OF_PODEXEC = StatusLabels(ready=True, restarts=2, findings=(Finding("check", True, "HTTP 200"),)).encode()


def record(told: Any, **more: Any) -> bytes:
    """An UPDATE as a master sends it."""
    return json.dumps({"type": "UPDATE", "update": {"status": told}, **more}).encode()


def read_the_long_way(data: bytes) -> StatusUpdated:
    """The same by the codec."""
    return status_updated(parsed(data)["update"]["status"], NOW)


@pytest.mark.parametrize(
    "told",
    [
        LEAST,
        {**LEAST, "agent_id": None, "uuid": None, "timestamp": None, "message": None, "reason": None, "healthy": None},
        {**LEAST, "labels": None, "check_status": None, "source": None, "executor_id": {"value": "e"}, "data": "eA=="},
        {**LEAST, "agent_id": {"value": "a"}, "uuid": "dXVpZA==", "timestamp": 12.25, "source": "SOURCE_EXECUTOR"},
        {**LEAST, "timestamp": 12, "message": "m" * 2**17, "reason": "REASON_COMMAND_EXECUTOR_FAILED", "healthy": True},
        {**LEAST, "state": "TASK_LOST", "reason": "REASON_SLAVE_DISCONNECTED"},
        {**LEAST, "labels": OF_PODEXEC},
        {**LEAST, "labels": {"labels": [{"key": "of-another"}, {"key": "ready", "value": "false"}]}},
        {**LEAST, "container_status": {}},
        {**LEAST, "container_status": {"network_infos": None}},
        {
            **LEAST,
            "container_status": {
                "container_id": {"value": "c"},
                "network_infos": [
                    {
                        "name": "net",
                        "ip_addresses": [{"protocol": "IPv4", "ip_address": "10.0.0.2"}, {"protocol": "IPv6"}],
                    },
                    {"ip_addresses": [{"ip_address": "192.168.1.1"}], "labels": {}},
                    {},
                ],
            },
        },
    ],
)
def test_usual_statuses_are_read(told: Any) -> None:
    data = record(told)
    assert read_status(data, NOW) == read_the_long_way(data)
    assert read_status(bytearray(data), NOW) == read_the_long_way(data)


def test_the_statuses_of_the_fake_master_are_usual() -> None:
    assert read_status(json.dumps(status("t")).encode(), NOW) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"5",
        b'{"type":"HEARTBEAT"}',
        b'{"update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}}',
        b'{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING"}}} and more',
        b'{"type":"UPDATE","update":{"status":{"task_id":{"value":"t\xff"},"state":"TASK_RUNNING"}}}',
        b'{"type":"UPDATE","update":{"status":{"task_id":{"value":"t"},"state":"TASK_RUNNING","timestamp":1e999}}}',
        b'{"type":"UPDATE","update":{"status":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}",
        record(None),
        record({**LEAST, "task_id": {"value": "t" * 1025}}),
        record({**LEAST, "state": "TASK_DANCING"}),
        record({**LEAST, "timestamp": 1e300}),
        record({**LEAST, "timestamp": "12.25"}),
        record({**LEAST, "healthy": "true"}),
        record({**LEAST, "container_status": None}),
        record({**LEAST, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": None}]}]}}),
        record({**LEAST, "labels": {"labels": [{"key": "restarts", "value": 5}]}}),
        record({**LEAST, "labels": {"labels": [{"key": [], "value": "5"}]}}),
        record({**LEAST, "check_status": {"type": "COMMAND", "command": {"exit_code": 0}}}),
    ],
)
def test_what_is_unusual_is_left_to_the_codec(data: bytes) -> None:
    assert read_status(data, NOW) is None


@settings(max_examples=500)
@given(told=STATUSES, more=st.dictionaries(st.sampled_from(["x", "update2"]), VALUES, max_size=1))
@example(told={**LEAST, "message": "\ud800"}, more={})
@example(told={**LEAST, "timestamp": 2**64 - 1}, more={})
@example(told={**LEAST, "timestamp": float("nan")}, more={})
@example(told={**LEAST, "labels": []}, more={"x": float("inf")})
def test_what_is_read_is_what_the_codec_reads(told: Any, more: Any) -> None:
    data = record(told, **more)
    found = read_status(data, NOW)
    assert found is None or found == read_the_long_way(data)


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(data: bytes) -> None:
    assert read_status(data, NOW) is None
