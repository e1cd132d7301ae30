"""The options for podexec's executor in addition to the TaskInfo, and grace periods."""

from typing import Any

import pytest

from podexec.wire import ALWAYS, ON_FAILURE, READY, SUCCEEDED, ContainerOptions, Dependency, Restart, TaskData
from scheduler.core.launch.grace_periods import seconds_to_stop
from scheduler.model.json import Json
from tests.core.support import CUSTOM, container, definition, launched

HEALTHY: Json = {"exec": {"command": {"shell": "true"}}, "delaySeconds": 0}


def told(**members: Any) -> ContainerOptions:
    """The options of one such container."""
    (task,) = launched(container(**members), settings={"executor": CUSTOM})["task_group"]["tasks"]
    return TaskData.decode(task["data"]).behaviour


def test_a_container_that_asks_for_nothing_more_has_no_data() -> None:
    (task,) = launched(container(healthCheck=HEALTHY), settings={"executor": CUSTOM})["task_group"]["tasks"]
    assert "data" not in task


def test_mesos_executor_gets_no_data() -> None:
    """A definition that needs it was refused; one of before the executor's change runs as Mesos can."""
    (task,) = launched(container(restartPolicy="always"))["task_group"]["tasks"]
    assert "data" not in task


def test_restarts() -> None:
    assert told(restartPolicy="onFailure").restart == Restart(ON_FAILURE, None, 1.0, 2.0, 300.0, 600.0)
    asked = {"limit": 3, "backoffSeconds": 0.5, "backoffFactor": 1, "maxBackoffSeconds": 9, "resetAfterSeconds": 8}
    assert told(restartPolicy="always", restarts=asked).restart == Restart(ALWAYS, 3, 0.5, 1.0, 9.0, 8.0)


def test_order() -> None:
    group = launched(
        container("db"),
        container("init", dependsOn=[{"container": "db", "condition": "ready"}]),
        container("web", essential=False, dependsOn=[{"container": "init", "condition": "succeeded"}]),
        settings={"executor": CUSTOM},
    )
    db, init, web = group["task_group"]["tasks"]
    assert "data" not in db
    assert TaskData.decode(init["data"]).behaviour == ContainerOptions(depends_on=(Dependency("db", READY),))
    assert TaskData.decode(web["data"]).behaviour == ContainerOptions(
        essential=False, depends_on=(Dependency("init", SUCCEEDED),)
    )


def test_checks_and_the_command_before_the_end() -> None:
    endpoint = {"name": "http", "hostPort": 0}
    check = {"http": {"endpoint": "http", "path": "/ready", "scheme": "https"}, "maxConsecutiveFailures": 1}
    behaviour = told(
        endpoints=[endpoint],
        healthCheck={"tcp": {"endpoint": "http"}},
        healthChecks=[HEALTHY],
        readinessCheck=check,
        lifecycle={"preStop": {"command": {"argv": ["drain", "now"]}}},
    )
    assert behaviour.readiness == {
        "type": "HTTP",
        "http": {"port": 8000, "scheme": "https", "path": "/ready"},
        "delay_seconds": 0,
        "interval_seconds": 5,
        "timeout_seconds": 5,
        "consecutive_failures": 1,
    }
    (health,) = behaviour.health_checks
    assert (health["type"], health["command"]) == ("COMMAND", {"shell": True, "value": "true"})
    assert behaviour.pre_stop == {"shell": False, "value": "drain", "arguments": ["drain", "now"]}


def test_the_first_of_many_health_checks_is_the_tasks_own() -> None:
    (task,) = launched(container(healthChecks=[HEALTHY, HEALTHY]), settings={"executor": CUSTOM})["task_group"]["tasks"]
    assert task["health_check"]["type"] == "COMMAND"
    assert len(TaskData.decode(task["data"]).behaviour.health_checks) == 1


def test_the_longest_run_is_mesos_own_field() -> None:
    (task,) = launched(container(maxRunSeconds=0.5))["task_group"]["tasks"]
    assert task["max_completion_time"] == {"nanoseconds": 500_000_000}


@pytest.mark.parametrize(
    ("graces", "after", "seconds"),
    [
        ({"a": None, "b": 5}, {}, 5),
        ({"a": 2, "b": 5, "c": 4}, {"b": ["a"], "c": ["a"]}, 7),
        ({"a": 1, "b": 2, "c": 4}, {"a": ["b"], "b": ["c"]}, 7),
        ({"a": None, "b": 0}, {"a": ["b"]}, 3),
    ],
)
def test_a_pod_ends_within_the_longest_chain_of_graces(
    graces: dict[str, float | None], after: dict[str, list[str]], seconds: float
) -> None:
    containers = [
        container(
            name,
            **({} if grace is None else {"lifecycle": {"killGracePeriodSeconds": grace}}),
            dependsOn=[{"container": other} for other in after.get(name, ())],
        )
        for name, grace in graces.items()
    ]
    assert seconds_to_stop(definition(*containers)) == seconds


def test_the_longest_chain_of_many_containers_is_found_at_once() -> None:
    """Looking at all containers once for each of them would take minutes."""
    containers = [container(f"c{i}", dependsOn=[{"container": f"c{i - 1}"}] if i else []) for i in range(5000)]
    assert seconds_to_stop(definition(*containers)) == 5000 * 3
