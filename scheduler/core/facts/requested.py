"""The resources that a whole pod requests, as quotas count them."""

from scheduler.core.mesos_json import milli
from scheduler.model.definition import PodDefinition

Amounts = tuple[int, ...]  # in thousandths, in the order of ``contents.AMOUNTS``
NOTHING: Amounts = (0, 0, 0, 0, 0)


def by_pod(definition: PodDefinition) -> Amounts:
    """The amounts of all instances, with their executors and persistent volumes."""
    executor = definition.executor_resources
    containers = [container.resources for container in definition.containers]
    volumes = sum(volume.persistent.size for volume in definition.volumes if volume.persistent is not None)
    of_instance = (
        1,
        executor.cpus + sum(of.cpus for of in containers),
        executor.mem + sum(of.mem for of in containers),
        executor.disk + sum(of.disk for of in containers) + volumes,
        sum(of.gpus for of in containers),
    )
    return tuple(milli(amount) * definition.scaling.instances for amount in of_instance)
