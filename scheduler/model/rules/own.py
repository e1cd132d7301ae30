"""Rejects features that need podexec's own executor, if the scheduler uses Mesos' default executor."""

from collections.abc import Iterator

from scheduler.model.definition import Container, PodDefinition
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site, located


def _own_executor(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if site.own_executor:
        return
    for at, container in located(definition):
        for key in _beyond_mesos(container):
            yield Problem(f"{at}/{key}", "needs podexec's own executor; this scheduler runs with --executor default")


def _beyond_mesos(container: Container) -> Iterator[str]:
    asked = {
        "restartPolicy": container.restart_policy not in (None, "never"),
        "essential": container.essential is False,
        "dependsOn": bool(container.depends_on),
        "readinessCheck": container.readiness_check is not None,
        "healthChecks": bool(container.health_checks),
        "lifecycle/preStop": container.lifecycle is not None and container.lifecycle.pre_stop is not None,
    }
    return (key for key, is_asked in asked.items() if is_asked)


RULES = (_own_executor,)
