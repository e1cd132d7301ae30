"""The options of a container for podexec's executor, for which a TaskInfo has no field."""

from podexec.wire import ALWAYS, ON_FAILURE, ContainerOptions, Dependency, Restart
from scheduler.core.launch import healthchecks
from scheduler.model.definition import Container, PodDefinition
from scheduler.model.running import Restarts

_POLICIES = {"onFailure": ON_FAILURE, "always": ALWAYS}


def container_options(definition: PodDefinition, container: Container, ports: dict[str, int]) -> ContainerOptions:
    """The options of a container. ``ports``: the allocated host ports by endpoint."""
    # The TaskInfo has room for one health check.
    further = container.every_health_check[1:]
    readiness = container.readiness_check
    pre_stop = container.lifecycle.pre_stop if container.lifecycle else None
    return ContainerOptions(
        restart=_restart(container),
        essential=container.essential is not False,
        depends_on=tuple(Dependency(each.container, each.condition) for each in container.depends_on),
        readiness=healthchecks.readiness(definition, container, readiness, ports) if readiness else None,
        health_checks=tuple(healthchecks.health_check(definition, container, each, ports) for each in further),
        pre_stop=healthchecks.command(pre_stop.command) if pre_stop else None,
    )


def _restart(container: Container) -> Restart | None:
    policy = _POLICIES.get(container.restart_policy or "never")
    if policy is None:
        return None
    how = container.restarts or Restarts()
    return Restart(
        policy=policy,
        limit=how.limit,
        backoff=how.backoff_seconds,
        factor=how.backoff_factor,
        max_backoff=how.max_backoff_seconds,
        reset_after=how.reset_after_seconds,
    )
