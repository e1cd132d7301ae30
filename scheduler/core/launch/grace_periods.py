"""How long containers take to end when they are asked to."""

from scheduler.model.definition import Container, PodDefinition

DEFAULT_GRACE = 3.0  # Mesos' own, for a container that does not say


def kill_grace(container: Container) -> float:
    """Seconds from the beginning of a container's kill to SIGKILL."""
    seconds = container.lifecycle.kill_grace_period_seconds if container.lifecycle else None
    return DEFAULT_GRACE if seconds is None else seconds


def seconds_to_stop(definition: PodDefinition) -> float:
    """The grace periods of a whole pod: containers end at the same time, but after those that depend on them."""
    own = {each.name: kill_grace(each) for each in definition.containers}
    needs = {each.name: [other.container for other in each.depends_on] for each in definition.containers}
    total = dict(own)
    # Each round carries the sums one dependency further; without circles none is longer than the pod has containers.
    for _ in own:
        total = {name: own[name] + max((total[other] for other in needs[name]), default=0.0) for name in own}
    return max(total.values())
