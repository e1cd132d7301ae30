"""The summary of a pod: each instance is counted once, under one name."""

from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.views.pod_summary import pod_summary
from scheduler.core.world import World
from scheduler.model.records import Condition, Goal, Termination
from tests.core.views.test_pod_status import DEFINITION, NOW, POD, both, instance

SETTINGS = Settings(executor=ExecutorCommand(command=None))


def summary_of(*instances: Any, **pod: Any) -> Any:
    """The summary of the pod with these instances."""
    record = replace(POD, **pod)
    return pod_summary(World(SETTINGS, 0, [record, DEFINITION, *instances]), record, NOW)


@pytest.mark.parametrize(
    ("tasks", "more", "expected"),
    [
        ((), {"agent": None, "incarnation": 0}, {"waiting": 1}),
        (both(Condition.PROVISIONED), {}, {"starting": 1}),
        (both(Condition.STAGING), {}, {"starting": 1}),
        (both(Condition.RUNNING), {}, {"starting": 1}),
        (both(Condition.RUNNING, healthy=True), {}, {"ready": 1}),
        (both(Condition.RUNNING, healthy=False), {}, {"unhealthy": 1}),
        (both(Condition.UNREACHABLE), {}, {"unreachable": 1}),
        (both(Condition.UNREACHABLE), {"inactive": True}, {"unreachable": 1}),
        (both(Condition.KILLING), {}, {"ending": 1}),
        (both(Condition.FAILED), {}, {"waiting": 1}),
        (both(Condition.RUNNING, healthy=True), {"goal": Goal.DECOMMISSIONED}, {"ending": 1}),
        (both(Condition.FINISHED), {"goal": Goal.DECOMMISSIONED}, {}),
        (both(Condition.KILLED), {"goal": Goal.STOPPED}, {}),
    ],
)
def test_an_instance_is_counted_once(tasks: Any, more: Any, expected: dict[str, int]) -> None:
    assert summary_of(instance(*tasks, **more))["instances"] == expected


def test_what_a_summary_says_of_the_pod() -> None:
    ended = Termination(instance_id="web.instance-0", started_at=1.0, terminated_at=2.0, message="exited", tasks=())
    shown = summary_of(instance(*both(Condition.RUNNING, healthy=True)), terminations=(ended,))
    assert shown == {
        "id": "/web",
        "version": POD.version,
        "asked": 1,
        "instances": {"ready": 1},
        "containers": 2,
        "agents": ["node1"],
        "lastEnd": {"at": "1970-01-01T00:00:02.000Z", "message": "exited"},
    }


def test_an_agent_is_named_once_and_not_for_instances_that_wait() -> None:
    running = both(Condition.RUNNING, healthy=True)
    shown = summary_of(
        instance(*running),
        instance(*running, id="web.instance-2"),
        instance(*both(Condition.FAILED), id="web.instance-3"),
    )
    assert shown["instances"] == {"ready": 2, "waiting": 1}
    assert shown["agents"] == ["node1"]
