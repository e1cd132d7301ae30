"""From a pod and an offer to the LAUNCH_GROUP that launches one instance, as Mesos v1 JSON."""

from collections.abc import Sequence

from podexec.wire import Behaviour, TaskData
from scheduler.core import commands, containers, discovery, executorinfo, healthchecks, messages
from scheduler.core.behaviour import behaviour
from scheduler.core.matching import Match
from scheduler.core.settings import Settings
from scheduler.model.definition import Container, PodDefinition, ResourceLimits
from scheduler.model.json import Json
from scheduler.model.records import Instance, Task


def launch_group(settings: Settings, definition: PodDefinition, instance: Instance, offer: Json, taken: Match) -> Json:
    """The operation that launches a placed instance."""
    executor = executorinfo.executor(settings, definition, instance, offer["framework_id"], taken.executor)
    tasks = [
        _task(settings, definition, container, instance, task, resources)
        for container, task, resources in zip(definition.containers, instance.tasks, taken.containers, strict=True)
    ]
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}


def _task(
    settings: Settings,
    definition: PodDefinition,
    container: Container,
    instance: Instance,
    task: Task,
    resources: Sequence[Json],
) -> Json:
    host_ports = dict(instance.host_ports)
    info: Json = {
        "name": container.name,
        "task_id": {"value": task.id},
        "agent_id": {"value": instance.agent.id if instance.agent else ""},
        "resources": list(resources),
        "command": commands.command(settings, definition, container, instance, task.id),
        "container": containers.container_info(definition, container),
        "labels": messages.labels(container.labels),
        "discovery": discovery.info(definition, container, host_ports),
    }
    limits = _limits(container.resource_limits)
    if limits:
        info["limits"] = limits
    if container.lifecycle and container.lifecycle.kill_grace_period_seconds is not None:
        info["kill_policy"] = {"grace_period": messages.duration(container.lifecycle.kill_grace_period_seconds)}
    if container.max_run_seconds is not None:
        info["max_completion_time"] = messages.duration(container.max_run_seconds)
    for health in container.every_health_check[:1]:
        info["health_check"] = healthchecks.health_check(definition, container, health, host_ports)
    if container.check:
        info["check"] = healthchecks.check(definition, container, container.check, host_ports)
    beyond = behaviour(definition, container, host_ports)
    if settings.executor.is_own and beyond != Behaviour():
        info["data"] = TaskData(behaviour=beyond).encode()
    return info


def _limits(asked: ResourceLimits | None) -> Json:
    """At Mesos' precision, as requests are, so that rounding never puts a limit below its request."""
    limits = {} if asked is None else {"cpus": asked.cpus, "mem": asked.mem}
    return {
        name: {"value": "Infinity" if limit == "unlimited" else round(float(limit), 3)}
        for name, limit in limits.items()
        if limit is not None
    }
