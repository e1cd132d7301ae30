"""The real executor process while its agent sends anything: it stays, and its pod runs on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podexec.agent import _termination
from podexec.termination import describe
from tests.executor.conftest import Executor
from tests.fakes.agent import FakeAgent, task, wait_until
from tests.fakes.server import record

S, R, FINISHED = "TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"
EVENTS = [
    b"",
    b"5",
    b"[]",
    b"null",
    b'"LAUNCH"',
    b"{}",
    b"{" * 100_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"9" * 5000,
    b"\xff\xfe",
    b'{"type": "LAUNCH_GROUP", "launch_group": {"task_group": {"tasks": [5]}}}',
    b'{"type": "LAUNCH_GROUP", "launch_group": []}',
    b'{"type": "KILL", "kill": {"task_id": {"value": "x"}, "kill_policy": {"grace_period": {"nanoseconds": 1e999}}}}',
    b'{"type": "KILL", "kill": {"task_id": {"value": "x"}, "kill_policy": []}}',
    b'{"type": "KILL", "kill": {"task_id": 5}}',
    b'{"type": "ACKNOWLEDGED", "acknowledged": {"task_id": {"value": "x"}, "uuid": []}}',
    b'{"type": "MESSAGE", "message": {"data": []}}',
    b'{"type": "MESSAGE", "message": 5}',
    b'{"type": "DANCE"}',
    b'{"type": 5}',
]


def test_events_that_cannot_be_read_are_skipped(agent: FakeAgent, executor: Executor) -> None:
    assert agent.stream is not None
    for event in EVENTS:
        agent.stream.put(record(event))
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    assert executor.wait_exit() == 0
    assert len(agent.subscriptions) == 1, "the same stream"
    assert len(executor.log) < 50_000


@pytest.mark.parametrize("sent", [b"-5\n", b"+5\n{}{}{", b"1_0\n", b" 5\n", b"9" * 30, b"99999999999\n{", b"\n"])
def test_a_stream_that_is_no_recordio_is_replaced(agent: FakeAgent, executor: Executor, sent: bytes) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", S, R)
    assert agent.stream is not None
    agent.stream.put(sent)
    agent.wait_subscribed(2)
    wait_until(lambda: "the event stream is malformed" in executor.log, "a line that says why")
    assert executor.log.count("the event stream is malformed") == 1
    agent.exit("web", 0)
    agent.wait_state("web", S, R, FINISHED)
    assert executor.wait_exit() == 0


@pytest.mark.parametrize(
    "members",
    [
        {"exit_status": "9" * 5000},
        {"exit_status": 10**30},
        {"exit_status": -1},
        {"exit_status": 1e300},
        {"exit_status": True, "message": 5, "state": [], "reason": {}, "limitation": "x"},
        [],
        "x",
    ],
)
def test_an_end_that_cannot_be_read_is_an_end_without_a_status(members: Any) -> None:
    termination = _termination(json.loads(json.dumps(members)))
    assert termination.wait_status is None
    assert describe(termination.wait_status) == "The agent has no exit status for the container"
    assert (termination.state, termination.message, termination.limitation) == (None, None, None)
