"""The demand of a pod: what one instance needs of an offer, computed once per definition."""

from scheduler.core.mesos_json import milli
from scheduler.core.offer import isolators
from scheduler.core.settings import GpuScheduling, Settings
from scheduler.model.definition import Constraint, PodDefinition
from scheduler.model.frozen import Frozen

_GPU_LABEL = "GPU_SCHEDULING_BEHAVIOR"
_FAULT_DOMAIN = ("@region", "@zone")

# (name, thousandths) of each scalar that is needed, in the order in which Mesos lists them.
Amounts = tuple[tuple[str, int], ...]


class Demand(Frozen):
    """What one instance needs of an offer. Definitions with equal demands fit the same offers.

    Attributes:
        roles: the roles whose resources it may use.
        executor: the amounts for the executor.
        containers: the amounts for each container, in the definition's order.
        total: the sum of these amounts.
        ports: the host ports it names; 0 for each dynamic one.
        needs: sets of isolators; the agent must have one of each set.
        constraints: the placement constraints, which depend on where the other instances are.
        is_local: whether it must stay in the master's region, which is Marathon's default without such a constraint.
        spares_gpus: whether agents with GPUs are left to pods that use them.
        volumes: the names of its persistent volumes.
    """

    roles: frozenset[str]
    executor: Amounts
    containers: tuple[Amounts, ...]
    total: Amounts
    ports: tuple[int, ...]
    needs: frozenset[frozenset[str]]
    constraints: tuple[Constraint, ...]
    is_local: bool
    spares_gpus: bool
    volumes: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        """Whether it depends only on the offer, so that pods with equal demands share the result of matching it."""
        return not self.constraints and not self.volumes


def demand(definition: PodDefinition, settings: Settings) -> Demand:
    """The demand of an instance of this definition."""
    overhead = definition.executor_resources
    executor = _amounts(cpus=overhead.cpus, mem=overhead.mem, disk=overhead.disk)
    containers = tuple(
        _amounts(cpus=each.cpus, mem=each.mem, disk=each.disk, gpus=each.gpus)
        for each in (container.resources for container in definition.containers)
    )
    total: dict[str, int] = {}
    for name, amount in (pair for amounts in (executor, *containers) for pair in amounts):
        total[name] = total.get(name, 0) + amount
    constraints = definition.scheduling.placement.constraints
    return Demand(
        # Resources that are to be reserved for an instance with volumes must be unreserved before.
        roles=frozenset({"*"}) if definition.resident else accepted_roles(definition, settings),
        executor=executor,
        containers=containers,
        total=tuple(total.items()),
        ports=tuple(
            endpoint.host_port
            for container in definition.containers
            for endpoint in container.endpoints
            if endpoint.host_port is not None
        ),
        needs=isolators.needs(definition),
        constraints=constraints,
        is_local=not any(constraint.field_name in _FAULT_DOMAIN for constraint in constraints),
        spares_gpus="gpus" not in total and _gpu_scheduling(definition, settings) is GpuScheduling.RESTRICTED,
        volumes=tuple(volume.name for volume in definition.volumes if volume.persistent is not None),
    )


def accepted_roles(definition: PodDefinition, settings: Settings) -> frozenset[str]:
    """The roles whose resources the pod may use: its own acceptedResourceRoles, or the operator's default."""
    asked = definition.scheduling.placement.accepted_resource_roles
    if asked:
        return frozenset(asked)
    return settings.accepted_resource_roles_default_behavior.roles(definition.role or settings.role)


def _amounts(**quantities: float) -> Amounts:
    """In thousandths, Mesos' own precision, without amounts that are zero at that precision."""
    return tuple((name, thousandths) for name, value in quantities.items() if (thousandths := milli(value)))


def _gpu_scheduling(definition: PodDefinition, settings: Settings) -> GpuScheduling:
    label = definition.labels.get(_GPU_LABEL, "").lower()
    return GpuScheduling(label) if label in tuple(GpuScheduling) else settings.gpu_scheduling_behavior
