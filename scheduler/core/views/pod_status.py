"""Marathon's PodStatus, derived from the pod's instances and never stored.

Where Marathon's own derivation is obviously a mistake, this one differs: the configured overhead of the executor
counts, and a finished container is not unhealthy. docs/compatibility.md lists the differences.
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from scheduler.core.facts.between_launches import as_shown
from scheduler.core.facts.conditions import condition, task_state
from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import definition_key
from scheduler.core.launch.grace_periods import seconds_to_stop
from scheduler.core.lifecycle.arrival import on_hold
from scheduler.core.settings import Settings
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.views.extras import extras
from scheduler.core.world import World
from scheduler.model.definition import Container, Endpoint, ExecutorResources, PodDefinition, Resources, render
from scheduler.model.json import Json
from scheduler.model.records import Condition, Goal, Instance, Pod, Task, Termination
from scheduler.model.times import timestamp

# The wording of Mesos' own executors and of podexec's.
_EXIT_CODE = re.compile(r"exited with status ([0-9]{1,10})(?![0-9])")

_NOT_YET_STARTED = frozenset({Condition.SCHEDULED, Condition.PROVISIONED, Condition.STAGING, Condition.STARTING})
_UNKNOWN = timestamp(0)
_WITHOUT_RESOURCES = frozenset({Condition.SCHEDULED, Condition.PROVISIONED})


def pod_status(world: World, pod: Pod, now: float, *, with_extras: bool = False) -> Json:
    """The PodStatus of an existing pod; ``with_extras``: including podexec's own members."""
    current = world.current(pod)
    instances = instance_statuses(world, pod, with_extras=with_extras)
    stable = sum(instance["status"] == "STABLE" for instance in instances)
    changed = max((instance["statusSince"] for instance in instances), default=timestamp(world.wall(now)))
    return _without_empty(
        {
            "id": pod.id,
            "spec": world.derived(current, _spec),
            "status": "STABLE" if stable >= current.scaling.instances else "DEGRADED",
            "statusSince": changed,
            "instances": instances,
            "terminationHistory": [
                _any_termination(world, termination, with_extras) for termination in reversed(pod.terminations)
            ],
            "lastUpdated": timestamp(world.wall(now)),
            "lastChanged": changed,
            **extras(asked=with_extras, onHold=on_hold(world)),
        }
    )


def _spec(_settings: Settings, definition: PodDefinition) -> orjson.Fragment:
    """The definition in JSON: rendering it takes longer than everything else in the status of a small pod."""
    return orjson.Fragment(orjson.dumps(render(definition)))


def instance_statuses(world: World, pod: Pod, *, with_extras: bool = False) -> list[Json]:
    """The PodInstanceStatus of each instance that is or was placed on an agent, unless it was expunged or has ended."""
    current = world.current(pod)
    return [
        _any_instance_status(
            world, instance, world.definitions.get(definition_key(pod.id, instance.version), current), with_extras
        )
        for instance in map(as_shown, world.instances_of(pod.id))
        if _has_place(instance) and not _is_released(world, instance)
    ]


# --------------------------------------------------------------------------- instances


def _has_place(instance: Instance) -> bool:
    return instance.incarnation > 0 or instance.reservation is not None


def _is_released(world: World, instance: Instance) -> bool:
    """Whether it is on record only until the master knows its state, or until its volumes are destroyed."""
    return instance.goal is Goal.DECOMMISSIONED and world.bucket(instance.id) is Bucket.RELEASED


def _any_instance_status(world: World, instance: Instance, definition: PodDefinition, with_extras: bool) -> Json:
    instead = {"id": instance.id, "status": "DEGRADED", "statusSince": _UNKNOWN, "message": MESSAGE, "containers": []}
    return entry(world, instance.id, lambda: _instance_status(world, instance, definition, with_extras), instead)


def _instance_status(world: World, instance: Instance, definition: PodDefinition, with_extras: bool) -> Json:
    tasks = {task.container: task for task in instance.tasks}
    containers = [
        _container_status(world, instance, tasks[container.name], container, with_extras)
        for container in definition.containers
        if container.name in tasks
    ]
    unhealthy = any(check["value"] == "false" for container in containers for check in container.get("conditions", ()))
    status, message = _status(instance, unhealthy, ending_message(world, instance, definition))
    agent = instance.agent or (instance.reservation and instance.reservation.agent)
    since = timestamp(world.wall(instance.since))
    return _without_empty(
        {
            "id": instance.id,
            "status": status,
            "statusSince": since,
            "message": message,
            "agentHostname": agent and agent.hostname,
            "agentId": agent and agent.id,
            "agentRegion": agent and agent.region,
            "agentZone": agent and agent.zone,
            "resources": _sum(definition.executor_resources, containers),
            "networks": _networks(task for task in instance.tasks if not task.condition.terminal),
            "containers": containers,
            "localVolumes": _local_volumes(instance),
            "specReference": f"/v2/pods{instance.pod_id}::versions/{instance.version}",
            "role": instance.role,
            "lastUpdated": since,
            "lastChanged": since,
        }
    )


def ending_message(world: World, instance: Instance, definition: PodDefinition) -> str | None:
    """The kills of an instance that does not end; None: it was killed at most once."""
    kills = world.volatile.kills.get(instance.id)
    if kills is None or kills.sent < 2:
        return None
    text = f"kill sent {kills.sent} times since {timestamp(world.wall(kills.since))}"
    if kills.shutdowns:
        times = "once" if kills.shutdowns == 1 else f"{kills.shutdowns} times"
        return f"{text}; the executor does not respond, its agent was asked {times} to shut it down"
    return f"{text}; containers have {seconds_to_stop(definition):g} s to stop"


def _status(instance: Instance, unhealthy: bool, ending: str | None) -> tuple[str, str | None]:
    """The status of an instance, and a message about it."""
    overall = condition(instance)
    if overall is Condition.RUNNING and ending is not None:
        return "TERMINAL", ending
    if overall is Condition.RUNNING:
        return ("DEGRADED", "at least one container is not healthy, or not ready") if unhealthy else ("STABLE", None)
    if overall in (Condition.UNREACHABLE, Condition.UNREACHABLE_INACTIVE):
        return "DEGRADED", "the agent of this instance is unreachable"
    if overall is Condition.KILLING:
        return "TERMINAL", ending
    if overall in (Condition.STAGING, Condition.STARTING):
        return "STAGING", ending
    return ("PENDING" if instance.goal is Goal.RUNNING else "TERMINAL"), ending


def _sum(executor: ExecutorResources, containers: Iterable[Json]) -> Json:
    """The resources of the instance: the executor's overhead and those shown for its containers."""
    total = {"cpus": executor.cpus, "mem": executor.mem, "disk": executor.disk, "gpus": 0}
    for container in containers:
        for name, value in container.get("resources", {}).items():
            total[name] += value
    return {name: round(value, 6) for name, value in total.items()}  # so that 0.1 + 0.2 is shown as 0.3


def _local_volumes(instance: Instance) -> list[Json]:
    """The persistent volumes of the instance."""
    return [
        {
            "runSpecId": instance.pod_id,
            "containerPath": volume.name,
            "uuid": volume.persistence_id.rpartition("#")[2],
            "persistenceId": volume.persistence_id,
        }
        for volume in (instance.reservation.volumes if instance.reservation else ())
    ]


def _networks(tasks: Iterable[Task]) -> list[Json]:
    """The networks of all containers, each once; the host's has no name."""
    merged: dict[str | None, dict[str, None]] = {}
    for task in tasks:
        for network in task.networks:
            merged.setdefault(network.name, {}).update(dict.fromkeys(network.addresses))
    return [_without_empty({"name": name, "addresses": list(addresses)}) for name, addresses in merged.items()]


# -------------------------------------------------------------------------- containers


def _container_status(world: World, instance: Instance, task: Task, container: Container, with_extras: bool) -> Json:
    active = not task.condition.terminal and task.condition is not Condition.UNKNOWN
    holds = instance.reservation is not None or (active and task.condition not in _WITHOUT_RESOURCES)
    since = timestamp(world.wall(task.started_at if task.started_at is not None else task.staged_at))
    return _without_empty(
        {
            "name": task.container,
            "status": task_state(task.condition),
            "statusSince": since,
            "message": task.message or None,
            "conditions": _conditions(world, task, container),
            "containerId": task.id if active else None,
            "endpoints": _endpoints(instance, task, container) if active else [],
            "resources": _resources(container.resources) if holds else {},
            "termination": _exit(task.message) if task.condition.terminal else {},
            "lastUpdated": since,
            "lastChanged": since,
            **extras(
                asked=with_extras, restarts=task.restarts or None, detail=task.detail or None, checks=_checks(task)
            ),
        }
    )


def _conditions(world: World, task: Task, container: Container) -> list[Json]:
    """Whether the running container is healthy and ready, for those checks that it has."""
    if task.condition in _NOT_YET_STARTED or task.condition.terminal:
        return []
    asked = {
        "healthy": (task.healthy, "health", bool(container.every_health_check)),
        "ready": (task.ready, "readiness", bool(container.readiness_check or container.check)),
    }
    return [
        {
            "name": name,
            "value": "true" if said else "false",
            "reason": f"{what}-{'unreported' if said is None else 'reported'}-by-mesos",
            "lastChanged": timestamp(world.wall(task.since)),
            "lastUpdated": timestamp(world.wall(task.since)),
        }
        for name, (said, what, is_asked) in asked.items()
        if is_asked
    ]


def _checks(task: Task) -> list[Json] | None:
    """The last results of its checks."""
    return [{"check": each.check, "passed": each.passed, "result": each.result} for each in task.checks] or None


def _endpoints(instance: Instance, task: Task, container: Container) -> list[Json]:
    """The endpoints with a host port, then the others; last the one of the health check, with its result."""
    check = container.health_check
    probe = check and (check.http or check.tcp)
    ports = dict(instance.host_ports)

    def place(endpoint: Endpoint) -> int:
        if probe and endpoint.name == probe.endpoint:
            return 2
        return 0 if endpoint.name in ports else 1

    return [
        _without_empty(
            {
                "name": endpoint.name,
                "allocatedHostPort": ports.get(endpoint.name),
                "healthy": task.healthy if place(endpoint) == 2 else None,
            }
        )
        for endpoint in sorted(container.endpoints, key=place)
    ]


def _resources(resources: Resources) -> Json:
    return {"cpus": resources.cpus, "mem": resources.mem, "disk": resources.disk, "gpus": resources.gpus}


# ---------------------------------------------------------------------------- endings


def _any_termination(world: World, termination: Termination, with_extras: bool) -> Json:
    instead = {"instanceID": termination.instance_id, "message": MESSAGE}
    name = f"termination of {termination.instance_id}"
    return entry(world, name, lambda: _termination(world, termination, with_extras), instead)


def _termination(world: World, termination: Termination, with_extras: bool) -> Json:
    return _without_empty(
        {
            "instanceID": termination.instance_id,
            "startedAt": timestamp(world.wall(termination.started_at)),
            "terminatedAt": timestamp(world.wall(termination.terminated_at)),
            "message": termination.message or None,
            "containers": [
                _without_empty(
                    {
                        "containerId": task.task_id,
                        "lastKnownState": task_state(task.condition),
                        "termination": _exit(task.message),
                        **extras(asked=with_extras, detail=task.detail or None),
                    }
                )
                for task in termination.tasks
            ],
        }
    )


def _exit(message: str) -> Json:
    code = _EXIT_CODE.search(message)
    return _without_empty({"exitCode": int(code[1]) if code else None, "message": message or None})


def _without_empty(members: dict[str, Any]) -> Json:
    """The members that have a value: Marathon omits absent and empty ones."""
    return {key: value for key, value in members.items() if value is not None and value not in ({}, [])}
