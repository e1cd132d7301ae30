"""LAUNCH_GROUP: the operation that launches one instance of a pod, as Mesos v1 JSON.

Most of the operation is the same in every launch of a pod: it is computed once and shared by all launches. Nothing may
modify an operation.
"""

from collections.abc import Sequence

from podexec.wire import ContainerOptions, TaskData
from scheduler.core import mesos_json
from scheduler.core.launch import commands, containers, discovery, environment, executorinfo, healthchecks
from scheduler.core.launch.executor_options import container_options
from scheduler.core.settings import Settings
from scheduler.model.definition import Container, PodDefinition, ResourceLimits
from scheduler.model.json import Json
from scheduler.model.records import Instance

_NO_OPTIONS = ContainerOptions()


class TaskGroupTemplate:
    """Builds the launches of one definition."""

    def __init__(self, settings: Settings, definition: PodDefinition) -> None:
        self._settings = settings
        self._definition = definition
        self._commands = [commands.command(definition, container) for container in definition.containers]
        self._executor = executorinfo.executor(settings, definition)
        self._fixed = [_fixed(definition, container) for container in definition.containers]
        self._asked_without_ports = [_asked(settings, definition, each, {}) for each in definition.containers]
        self._asks_at_ports = [_asks_at_ports(container) for container in definition.containers]
        self._variables: list[list[Json]] | None = None

    def launch_group(
        self, instance: Instance, framework_id: Json, executor: Sequence[Json], containers: Sequence[Sequence[Json]]
    ) -> Json:
        """The operation that launches a placed instance.

        ``executor``: its resources, including all host ports of the pod; ``containers``: those of each container.
        """
        ports = dict(instance.host_ports)
        of_launch = environment.launch_variables(self._settings, self._definition, instance)
        shared = environment.as_mesos_variables(self._definition, of_launch)
        agent_id = {"value": instance.agent.id if instance.agent else ""}
        infos = [
            {
                **fixed,
                **asked,
                "discovery": discovery.info(self._definition, container, ports),
                "task_id": {"value": task.id},
                "agent_id": agent_id,
                "resources": list(resources),
                "command": {
                    **command,
                    "environment": {
                        "variables": [*variables, *shared, {"name": environment.TASK_ID, "value": task.id}]
                    },
                },
            }
            for container, fixed, asked, command, variables, task, resources in zip(
                self._definition.containers,
                self._fixed,
                self._asked(ports),
                self._commands,
                self._fixed_variables(of_launch),
                instance.tasks,
                containers,
                strict=True,
            )
        ]
        info = {
            **self._executor,
            "container": executorinfo.container(self._settings, self._definition, ports),
            "executor_id": {"value": instance.executor_id},
            "framework_id": framework_id,
            "resources": list(executor),
        }
        return {"type": "LAUNCH_GROUP", "launch_group": {"executor": info, "task_group": {"tasks": infos}}}

    def _asked(self, host_ports: dict[str, int]) -> list[Json]:
        """The checks and executor options of each container."""
        return [
            _asked(self._settings, self._definition, container, host_ports) if at_ports else without_ports
            for container, at_ports, without_ports in zip(
                self._definition.containers, self._asks_at_ports, self._asked_without_ports, strict=True
            )
        ]

    def _fixed_variables(self, of_launch: dict[str, str]) -> list[list[Json]]:
        """The fixed variables of each container, without those that every launch sets (their names never change)."""
        if self._variables is None:
            set_by_launch = {environment.TASK_ID, *of_launch}
            self._variables = [
                environment.as_mesos_variables(
                    self._definition,
                    {
                        name: value
                        for name, value in environment.container_variables(
                            self._settings, self._definition, container
                        ).items()
                        if name not in set_by_launch
                    },
                )
                for container in self._definition.containers
            ]
        return self._variables


def _fixed(definition: PodDefinition, container: Container) -> Json:
    """The members of a TaskInfo that no launch changes."""
    info: Json = {
        "name": container.name,
        "container": containers.container_info(definition, container),
        "labels": mesos_json.labels(container.labels),
    }
    limits = _limits(container.resource_limits)
    if limits:
        info["limits"] = limits
    if container.lifecycle and container.lifecycle.kill_grace_period_seconds is not None:
        info["kill_policy"] = {"grace_period": mesos_json.duration(container.lifecycle.kill_grace_period_seconds)}
    if container.max_run_seconds is not None:
        info["max_completion_time"] = mesos_json.duration(container.max_run_seconds)
    return info


def _asked(settings: Settings, definition: PodDefinition, container: Container, host_ports: dict[str, int]) -> Json:
    """The members of a TaskInfo for a running container: its checks, and the options for podexec's executor."""
    info: Json = {}
    for health in container.every_health_check[:1]:
        info["health_check"] = healthchecks.health_check(definition, container, health, host_ports)
    if container.check:
        info["check"] = healthchecks.check(definition, container, container.check, host_ports)
    beyond = container_options(definition, container, host_ports)
    if settings.executor.is_own and beyond != _NO_OPTIONS:
        info["data"] = TaskData(behaviour=beyond).encode()
    return info


def _asks_at_ports(container: Container) -> bool:
    asked = (*container.every_health_check, container.check, container.readiness_check)
    return any(each is not None and (each.http or each.tcp) for each in asked)


def _limits(asked: ResourceLimits | None) -> Json:
    """The limits, at Mesos' precision like requests, so that rounding never puts a limit below its request."""
    limits = {} if asked is None else {"cpus": asked.cpus, "mem": asked.mem}
    return {
        name: {"value": "Infinity" if limit == "unlimited" else round(float(limit), 3)}
        for name, limit in limits.items()
        if limit is not None
    }
