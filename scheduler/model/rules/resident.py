"""Rules for resident pods (those with persistent volumes): their resources are reserved on one agent for their role."""

from collections.abc import Iterator

from scheduler.model.definition import PodDefinition, Volume
from scheduler.model.problems import Problem
from scheduler.model.rules.site import Site


def _resident(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if not definition.resident:
        return
    scheduling = definition.scheduling
    given = scheduling.model_fields_set
    if "unreachable_strategy" in given and scheduling.unreachable_strategy != "disabled":
        yield Problem("/", "unreachableStrategy must be absent or disabled for a pod with persistent volumes")
    if "upgrade" in given and scheduling.upgrade.maximum_over_capacity != 0:
        yield Problem("/upgrade/maximumOverCapacity", "must be 0 for a pod with persistent volumes")
    if scheduling.placement.accepted_resource_roles not in ((), ("*",)):
        yield Problem("/acceptedResourceRoles", 'must be absent or ["*"] for a pod with persistent volumes')
    if site.role_of(definition) == "*":
        yield Problem("/role", "must not be * for a pod with persistent volumes: resources cannot be reserved for *")


RULES = (_resident,)


def broken_update(before: PodDefinition, after: PodDefinition) -> Iterator[Problem]:
    """Changes that an update may not make if the old or the new version is resident. Both are normalised."""
    if not (before.resident or after.resident):
        return
    if _persistent_volumes(before) != _persistent_volumes(after):
        yield Problem("/pod(0)", "persistent volumes cannot be changed, added or removed by an update")
    if before.role != after.role:
        yield Problem("/role", f"cannot be changed by an update: resources are reserved for {before.role}")
    for name in ("cpus", "mem", "disk", "gpus"):
        if _total(before, name) != _total(after, name):
            yield Problem(
                "/pod(0)", f"the sum of the containers' and executor's {name} cannot be changed: it is reserved"
            )
    if _host_ports(before) != _host_ports(after):
        yield Problem("/pod(0)", "host ports cannot be changed, added or removed by an update")
    if after.scheduling.upgrade.maximum_over_capacity != 0:
        yield Problem("/pod(0)/upgradeStrategy/maximumOverCapacity", "must be 0 for a pod with persistent volumes")


def _persistent_volumes(definition: PodDefinition) -> list[Volume]:
    volumes = [volume for volume in definition.volumes if volume.persistent is not None]
    return sorted(volumes, key=lambda volume: volume.name)


def _total(definition: PodDefinition, name: str) -> float:
    asked: list[float] = [getattr(container.resources, name) for container in definition.containers]
    overhead: float = getattr(definition.executor_resources, name, 0)
    return round(sum(asked, overhead), 3)  # Mesos counts in thousandths


def _host_ports(definition: PodDefinition) -> list[int]:
    """Host ports, which are reserved too; 0 for any free one."""
    asked = [endpoint.host_port for container in definition.containers for endpoint in container.endpoints]
    return sorted(port for port in asked if port is not None)
