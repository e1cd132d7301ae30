"""The grace periods of containers and of whole pods."""

from graphlib import TopologicalSorter

from scheduler.model.definition import Container, PodDefinition

DEFAULT_GRACE = 3.0  # Mesos' own, for containers that set none


def kill_grace(container: Container) -> float:
    """Seconds from the kill of a container to SIGKILL."""
    seconds = container.lifecycle.kill_grace_period_seconds if container.lifecycle else None
    return DEFAULT_GRACE if seconds is None else seconds


def seconds_to_stop(definition: PodDefinition) -> float:
    """The grace period of a whole pod: its containers end in parallel, but each after those that depend on it."""
    own = {each.name: kill_grace(each) for each in definition.containers}
    needs = {each.name: [other.container for other in each.depends_on] for each in definition.containers}
    total: dict[str, float] = {}
    for name in TopologicalSorter(needs).static_order():  # the rules allow no cycles
        total[name] = own[name] + max((total[other] for other in needs[name]), default=0.0)
    return max(total.values())
