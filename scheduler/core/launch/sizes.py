"""Whether containers can be started with arguments and environment of this size, including podexec's own variables."""

from collections.abc import Iterator

from scheduler.core.launch import commands, environment, healthchecks
from scheduler.core.settings import Settings
from scheduler.model.definition import PodDefinition
from scheduler.model.records import Agent, Goal, Instance
from scheduler.model.rules.site import inner_commands, located
from scheduler.model.sizes import excess, of_command, of_container

_LONGEST_HOSTNAME = 253
_LONGEST_ID = 255
_LONGEST_PORT = 65535


def problems(settings: Settings, definition: PodDefinition) -> tuple[tuple[str, str], ...]:
    """(path, message) for each container, and each command inside one, that could never be started.

    The values of secrets are not known before the launch and count as empty.
    """
    return tuple(_problems(settings, definition))


def _problems(settings: Settings, definition: PodDefinition) -> Iterator[tuple[str, str]]:
    of_launch = environment.launch_variables(settings, definition, _placed(definition))
    for at, container in located(definition):
        values = (
            environment.container_variables(settings, definition, container)
            | of_launch
            | {environment.TASK_ID: "x" * _LONGEST_ID}
        )
        given = [(name, value if isinstance(value, str) else "") for name, value in values.items()]
        command = commands.command(definition, container)
        fault = excess(of_container(command, given, len(container.volume_mounts)))
        if fault is not None:
            yield at, f"with its command, its environment and its mounts {fault}"
            continue
        for key, inner in inner_commands(container):
            fault = excess(of_container({}, given, 0) + of_command(healthchecks.command(inner)))
            if fault is not None:
                yield f"{at}/{key}", f"with the container's environment {fault}"


def _placed(definition: PodDefinition) -> Instance:
    """An instance whose variables have their maximum length."""
    endpoints = (endpoint for container in definition.containers for endpoint in container.endpoints)
    return Instance(
        id="",
        pod_id=definition.id,
        version="",
        goal=Goal.RUNNING,
        incarnation=1,
        created_at=0.0,
        since=0.0,
        role="",
        agent=Agent("", "x" * _LONGEST_HOSTNAME),
        executor_id="x" * _LONGEST_ID,
        host_ports=tuple((endpoint.name, _LONGEST_PORT) for endpoint in endpoints if endpoint.host_port is not None),
    )
