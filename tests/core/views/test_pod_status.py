"""The status of a pod, derived from the records of the pod, its instances and their tasks."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from scheduler.core.settings import ExecutorCommand, Settings
from scheduler.core.views.pod_status import pod_status
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.records import (
    Agent,
    Condition,
    Goal,
    Instance,
    LocalVolume,
    NetworkAddress,
    Pod,
    Reservation,
    Task,
    TaskEnd,
    Termination,
)
from scheduler.model.times import timestamp

VERSION = "2026-01-02T03:04:05.006Z"
NOW = 2_000.0
DEFINITION = PodDefinition.model_validate_json(
    """{"id": "/web", "version": "2026-01-02T03:04:05.006Z", "role": "*",
        "containers": [
          {"name": "one", "resources": {"cpus": 0.2, "mem": 64},
           "endpoints": [{"name": "http", "hostPort": 0}, {"name": "inner"}, {"name": "admin", "hostPort": 0}],
           "healthCheck": {"http": {"endpoint": "http"}}},
          {"name": "two", "resources": {"cpus": 0.1, "mem": 32, "disk": 5, "gpus": 1}}],
        "executorResources": {"cpus": 0.3, "mem": 40}}"""
)
POD = Pod(id="/web", version=VERSION, config_version=VERSION)
AGENT = Agent(id="A-S0", hostname="node1", region="north", zone="a")


def task(container: str, condition: Condition, **more: Any) -> Task:
    """A task staged at 100 s and, unless said otherwise, started at 110 s."""
    defaults: dict[str, Any] = {"staged_at": 100.0, "started_at": 110.0, "since": 120.0}
    return Task(id=f"web.instance-1.{container}.1", container=container, condition=condition, **defaults | more)


def instance(*tasks: Task, **more: Any) -> Instance:
    """A launched instance with these tasks."""
    base = Instance(
        id="web.instance-1",
        pod_id="/web",
        version=VERSION,
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=50.0,
        since=130.0,
        role="*",
        agent=AGENT,
        executor_id="instance-web.1",
        tasks=tasks,
        host_ports=(("http", 31000), ("admin", 31001)),
    )
    return replace(base, **more)


def status_of(*instances: Instance, pod: Pod = POD, definition: PodDefinition = DEFINITION) -> Any:
    """The PodStatus of the pod with these instances."""
    settings = Settings(executor=ExecutorCommand(command=None))
    world = World(settings, 0, [pod, definition, *instances])
    return pod_status(world, pod, NOW)


def test_an_instance_of_an_earlier_version_is_shown_as_that_version_says() -> None:
    later = DEFINITION.model_copy(
        update={"version": "2027-01-02T03:04:05.006Z", "containers": DEFINITION.containers[:1]}
    )
    pod = Pod(id="/web", version="2027-01-02T03:04:05.006Z", config_version="2027-01-02T03:04:05.006Z")
    world = World(
        Settings(executor=ExecutorCommand(command=None)),
        0,
        [pod, DEFINITION, later, instance(*both(Condition.RUNNING))],
    )
    (shown,) = pod_status(world, pod, NOW)["instances"]

    assert [each["name"] for each in shown["containers"]] == ["one", "two"]


def both(condition: Condition, **more: Any) -> tuple[Task, Task]:
    """Both containers in the same condition; the first has a health check."""
    return task("one", condition, **more), task("two", condition)


@pytest.mark.parametrize(
    ("tasks", "goal", "expected"),
    [
        ((), Goal.RUNNING, "PENDING"),
        (both(Condition.PROVISIONED), Goal.RUNNING, "PENDING"),
        (both(Condition.STAGING), Goal.RUNNING, "STAGING"),
        (both(Condition.STARTING), Goal.RUNNING, "STAGING"),
        (both(Condition.RUNNING, healthy=True), Goal.RUNNING, "STABLE"),
        (both(Condition.RUNNING, healthy=False), Goal.RUNNING, "DEGRADED"),
        (both(Condition.RUNNING), Goal.RUNNING, "DEGRADED"),
        (both(Condition.UNREACHABLE), Goal.RUNNING, "DEGRADED"),
        (both(Condition.KILLING), Goal.RUNNING, "TERMINAL"),
        (both(Condition.FAILED), Goal.RUNNING, "PENDING"),
        (both(Condition.KILLING), Goal.DECOMMISSIONED, "TERMINAL"),
        (both(Condition.KILLED), Goal.STOPPED, "TERMINAL"),
        ((), Goal.STOPPED, "TERMINAL"),
        (both(Condition.UNREACHABLE), Goal.STOPPED, "DEGRADED"),
        ((task("one", Condition.FINISHED), task("two", Condition.RUNNING)), Goal.RUNNING, "STABLE"),
        ((task("one", Condition.RUNNING, healthy=True), task("two", Condition.FAILED)), Goal.RUNNING, "PENDING"),
    ],
)
def test_the_status_of_an_instance(tasks: tuple[Task, ...], goal: Goal, expected: str) -> None:
    [shown] = status_of(instance(*tasks, goal=goal))["instances"]
    assert shown["status"] == expected


def test_an_unhealthy_instance_says_so() -> None:
    [shown] = status_of(instance(*both(Condition.RUNNING, healthy=False)))["instances"]
    assert "not healthy" in shown["message"]


@pytest.mark.parametrize(("asked", "expected"), [(0, "STABLE"), (1, "STABLE"), (2, "DEGRADED")])
def test_a_pod_is_stable_with_as_many_stable_instances_as_asked(asked: int, expected: str) -> None:
    scaled = DEFINITION.model_copy(update={"scaling": DEFINITION.scaling.model_copy(update={"instances": asked})})
    shown = status_of(instance(*both(Condition.RUNNING, healthy=True)), definition=scaled)
    assert shown["status"] == expected


def test_an_instance_that_was_never_launched_is_not_listed() -> None:
    shown = status_of(instance(incarnation=0, agent=None, host_ports=()))
    assert "instances" not in shown
    assert shown["statusSince"] == timestamp(NOW)


def test_an_unreachable_instance_is_degraded_and_no_longer_listed_once_it_is_expunged() -> None:
    away = instance(*both(Condition.UNREACHABLE), inactive=True)
    [shown] = status_of(away)["instances"]
    assert (shown["status"], shown["message"]) == ("DEGRADED", "the agent of this instance is unreachable")
    assert "instances" not in status_of(replace(away, goal=Goal.DECOMMISSIONED))


def test_an_instance_shows_the_volumes_that_are_kept_for_it_and_what_it_holds_also_while_it_is_stopped() -> None:
    volume = LocalVolume("data", "web#data#6c6e")
    kept = Reservation(AGENT, (volume,), confirmed=True, since=60.0)
    [waiting] = status_of(instance(incarnation=0, agent=None, reservation=kept))["instances"]
    assert (waiting["status"], waiting["agentHostname"]) == ("PENDING", "node1")
    [stopped] = status_of(instance(*both(Condition.KILLED), goal=Goal.STOPPED, reservation=kept))["instances"]
    assert stopped["status"] == "TERMINAL"
    assert stopped["localVolumes"] == [
        {"runSpecId": "/web", "containerPath": "data", "uuid": "6c6e", "persistenceId": "web#data#6c6e"}
    ]
    assert stopped["resources"]["mem"] == 40 + 64 + 32
    assert stopped["containers"][0]["resources"]["mem"] == 64


def test_the_whole_of_a_running_instance() -> None:
    one = task("one", Condition.RUNNING, healthy=True, networks=(NetworkAddress("dcos", ("9.0.0.2",)),), message="up")
    two = task("two", Condition.RUNNING, networks=(NetworkAddress("dcos", ("9.0.0.2", "fd00::2")),))
    status = status_of(instance(one, two))
    assert status["status"] == "STABLE"
    assert orjson.loads(orjson.dumps(status["spec"]))["id"] == "/web"
    assert status["statusSince"] == status["lastChanged"] == "1970-01-01T00:02:10.000Z"
    assert status["lastUpdated"] == "1970-01-01T00:33:20.000Z"
    assert status["instances"] == [
        {
            "id": "web.instance-1",
            "status": "STABLE",
            "statusSince": "1970-01-01T00:02:10.000Z",
            "agentHostname": "node1",
            "agentId": "A-S0",
            "agentRegion": "north",
            "agentZone": "a",
            "resources": {"cpus": 0.6, "mem": 136.0, "disk": 15.0, "gpus": 1},
            "networks": [{"name": "dcos", "addresses": ["9.0.0.2", "fd00::2"]}],
            "specReference": f"/v2/pods/web::versions/{VERSION}",
            "role": "*",
            "lastUpdated": "1970-01-01T00:02:10.000Z",
            "lastChanged": "1970-01-01T00:02:10.000Z",
            "containers": [
                {
                    "name": "one",
                    "status": "TASK_RUNNING",
                    "statusSince": "1970-01-01T00:01:50.000Z",
                    "message": "up",
                    "conditions": [
                        {
                            "name": "healthy",
                            "value": "true",
                            "reason": "health-reported-by-mesos",
                            "lastChanged": "1970-01-01T00:02:00.000Z",
                            "lastUpdated": "1970-01-01T00:02:00.000Z",
                        }
                    ],
                    "containerId": "web.instance-1.one.1",
                    "endpoints": [
                        {"name": "admin", "allocatedHostPort": 31001},
                        {"name": "inner"},
                        {"name": "http", "allocatedHostPort": 31000, "healthy": True},
                    ],
                    "resources": {"cpus": 0.2, "mem": 64.0, "disk": 0.0, "gpus": 0},
                    "lastUpdated": "1970-01-01T00:01:50.000Z",
                    "lastChanged": "1970-01-01T00:01:50.000Z",
                },
                {
                    "name": "two",
                    "status": "TASK_RUNNING",
                    "statusSince": "1970-01-01T00:01:50.000Z",
                    "containerId": "web.instance-1.two.1",
                    "resources": {"cpus": 0.1, "mem": 32.0, "disk": 5.0, "gpus": 1},
                    "lastUpdated": "1970-01-01T00:01:50.000Z",
                    "lastChanged": "1970-01-01T00:01:50.000Z",
                },
            ],
        }
    ]


def test_health_that_was_not_reported_yet_is_shown_as_such() -> None:
    container = status_of(instance(*both(Condition.RUNNING)))["instances"][0]["containers"][0]
    [check] = container["conditions"]
    assert (check["value"], check["reason"]) == ("false", "health-unreported-by-mesos")
    assert "healthy" not in container["endpoints"][-1]


def test_a_container_that_is_not_up_yet_has_no_health() -> None:
    container = status_of(instance(*both(Condition.STARTING)))["instances"][0]["containers"][0]
    assert "conditions" not in container


def test_a_provisioned_instance_shows_only_its_executors_resources_and_staging_tasks() -> None:
    [shown] = status_of(instance(*both(Condition.PROVISIONED, started_at=None)))["instances"]
    assert shown["resources"] == {"cpus": 0.3, "mem": 40.0, "disk": 10.0, "gpus": 0}
    assert {container["status"] for container in shown["containers"]} == {"TASK_STAGING"}
    assert shown["containers"][0]["statusSince"] == "1970-01-01T00:01:40.000Z"


def test_an_ended_container_has_no_id_and_no_endpoints_but_says_how_it_ended() -> None:
    ended = task("one", Condition.FAILED, message="Command exited with status 3")
    container = status_of(instance(ended, task("two", Condition.RUNNING)))["instances"][0]["containers"][0]
    assert container["status"] == "TASK_FAILED"
    assert container["termination"] == {"exitCode": 3, "message": "Command exited with status 3"}
    assert not {"containerId", "endpoints", "resources", "conditions"} & container.keys()


def test_an_instance_of_a_version_that_is_no_longer_kept_is_shown_by_the_current_one() -> None:
    shown = status_of(instance(*both(Condition.RUNNING), version="2020-01-01T00:00:00.000Z", goal=Goal.DECOMMISSIONED))
    assert shown["instances"][0]["specReference"].endswith("::versions/2020-01-01T00:00:00.000Z")


def test_the_networks_of_the_host_have_no_name() -> None:
    one = task("one", Condition.RUNNING, networks=(NetworkAddress(None, ("10.0.0.1",)),))
    two = task("two", Condition.RUNNING, networks=(NetworkAddress(None, ("10.0.0.1", "10.0.0.2")),))
    [shown] = status_of(instance(one, two))["instances"]
    assert shown["networks"] == [{"addresses": ["10.0.0.1", "10.0.0.2"]}]


def test_the_termination_history_is_newest_first_with_the_causes() -> None:
    def ended(number: int) -> Termination:
        end = TaskEnd(f"web.instance-1.one.{number}", Condition.FAILED, f"Command exited with status {number}")
        other = TaskEnd(f"web.instance-1.two.{number}", Condition.KILLED, "")
        return Termination("web.instance-1", 10.0 * number, 10.0 * number + 5, end.message, (end, other))

    history = status_of(pod=replace(POD, terminations=(ended(1), ended(2))))["terminationHistory"]
    assert [entry["message"] for entry in history] == ["Command exited with status 2", "Command exited with status 1"]
    assert history[1] == {
        "instanceID": "web.instance-1",
        "startedAt": "1970-01-01T00:00:10.000Z",
        "terminatedAt": "1970-01-01T00:00:15.000Z",
        "message": "Command exited with status 1",
        "containers": [
            {
                "containerId": "web.instance-1.one.1",
                "lastKnownState": "TASK_FAILED",
                "termination": {"exitCode": 1, "message": "Command exited with status 1"},
            },
            {"containerId": "web.instance-1.two.1", "lastKnownState": "TASK_KILLED"},
        ],
    }


# The rest of Marathon's table: each condition of a container whose sibling is running, by goal.
WORDS = [
    (Condition.PROVISIONED, "TASK_STAGING", "PENDING", "TERMINAL"),
    (Condition.STAGING, "TASK_STAGING", "STAGING", "STAGING"),
    (Condition.STARTING, "TASK_STARTING", "STAGING", "STAGING"),
    (Condition.RUNNING, "TASK_RUNNING", "STABLE", "STABLE"),
    (Condition.UNREACHABLE, "TASK_UNREACHABLE", "DEGRADED", "DEGRADED"),
    (Condition.KILLING, "TASK_KILLING", "TERMINAL", "TERMINAL"),
    (Condition.ERROR, "TASK_ERROR", "PENDING", "TERMINAL"),
    (Condition.FAILED, "TASK_FAILED", "PENDING", "TERMINAL"),
    (Condition.GONE, "TASK_GONE", "PENDING", "TERMINAL"),
    (Condition.GONE_BY_OPERATOR, "TASK_GONE_BY_OPERATOR", "PENDING", "TERMINAL"),
    (Condition.DROPPED, "TASK_DROPPED", "PENDING", "TERMINAL"),
    (Condition.UNKNOWN, "TASK_UNKNOWN", "PENDING", "TERMINAL"),
    (Condition.FINISHED, "TASK_FINISHED", "STABLE", "STABLE"),  # the other keeps running
    (Condition.KILLED, "TASK_KILLED", "STABLE", "STABLE"),
]


@pytest.mark.parametrize(("state", "shown", "wanted", "unwanted"), WORDS)
def test_every_condition_of_a_container_has_its_word(state: Condition, shown: str, wanted: str, unwanted: str) -> None:
    tasks = (task("one", Condition.RUNNING, healthy=True), task("two", state))
    by_goal = [status_of(instance(*tasks, goal=goal))["instances"][0] for goal in (Goal.RUNNING, Goal.STOPPED)]

    assert [each["status"] for each in by_goal] == [wanted, unwanted]
    assert by_goal[0]["containers"][1]["status"] == shown


def test_every_condition_a_task_can_have_is_in_that_table() -> None:
    never_of_a_task = {Condition.SCHEDULED, Condition.UNREACHABLE_INACTIVE}

    assert {state for state, *_ in WORDS} == set(Condition) - never_of_a_task


@pytest.mark.parametrize(
    ("state", "active", "takes"),
    [
        (Condition.PROVISIONED, True, False),
        (Condition.STAGING, True, True),
        (Condition.STARTING, True, True),
        (Condition.RUNNING, True, True),
        (Condition.KILLING, True, True),
        (Condition.UNREACHABLE, True, True),
        (Condition.UNKNOWN, False, False),
        (Condition.FINISHED, False, False),
        (Condition.KILLED, False, False),
    ],
)
def test_what_is_active_has_an_id_and_endpoints_and_what_takes_resources_shows_them(
    state: Condition, active: bool, takes: bool
) -> None:
    container = status_of(instance(*both(state)))["instances"][0]["containers"][0]

    assert ("containerId" in container, "endpoints" in container, "resources" in container) == (active, active, takes)


@pytest.mark.parametrize(
    ("state", "checked"),
    [
        (Condition.PROVISIONED, False),
        (Condition.STAGING, False),
        (Condition.STARTING, False),
        (Condition.RUNNING, True),
        (Condition.KILLING, True),
        (Condition.UNREACHABLE, True),
        (Condition.KILLED, False),
    ],
)
def test_health_is_shown_for_started_containers_that_have_not_ended(state: Condition, checked: bool) -> None:
    one, two = status_of(instance(*both(state, healthy=True)))["instances"][0]["containers"]

    assert ("conditions" in one) is checked
    assert "conditions" not in two, "it has no health check"


def test_during_an_update_old_and_new_are_listed_each_by_its_own_version() -> None:
    newer = DEFINITION.model_copy(update={"version": "2026-02-02T00:00:00.000Z"})
    old = instance(*both(Condition.RUNNING, healthy=True), since=140.0)
    new = instance(
        *(replace(each, id=f"{each.id}-new") for each in both(Condition.STAGING)),
        id="web.instance-2",
        version=newer.version,
        created_at=60.0,
        since=150.0,
    )
    pod = Pod("/web", newer.version or "", newer.version or "")
    world = World(Settings(executor=ExecutorCommand(command=None)), 0, [pod, DEFINITION, newer, old, new])
    status = pod_status(world, pod, NOW)

    assert [(each["status"], each["specReference"][-24:]) for each in status["instances"]] == [
        ("STABLE", VERSION),
        ("STAGING", newer.version),
    ]
    assert status["statusSince"] == timestamp(150.0), "the latest of its instances"
