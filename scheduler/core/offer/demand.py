"""What one instance of a pod asks of an agent, read off its definition once for all its launches."""

from dataclasses import dataclass

from scheduler.core.offer import isolators
from scheduler.core.settings import GpuScheduling, Settings
from scheduler.model.definition import Constraint, PodDefinition

_GPU_LABEL = "GPU_SCHEDULING_BEHAVIOR"
_FAULT_DOMAIN = ("@region", "@zone")

# (name, thousandths) of each scalar that is wanted, in the order Mesos lists them.
Amounts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """Two definitions with equal demands fit the same offers.

    Attributes:
        roles: on whose resources it may run.
        executor: what the executor takes.
        containers: what each container takes, in the definition's order.
        total: what they come to together.
        ports: the host ports it names; 0 for each that may be any.
        needs: sets of isolators, of each of which the agent must have one.
        constraints: on where its instances are, which depend on where the others are.
        is_local: whether it must stay in the master's region, as Marathon has it where no constraint names one.
        spares_gpus: whether it leaves agents with GPUs to those who use them.
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


def demand(definition: PodDefinition, settings: Settings) -> Demand:
    """What an instance of this definition asks for."""
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
        # What is to be kept for an instance with volumes has to be nobody's before.
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
    """On whose resources the pod may run: what it says, else what the scheduler's operator says."""
    asked = definition.scheduling.placement.accepted_resource_roles
    if asked:
        return frozenset(asked)
    return settings.accepted_resource_roles_default_behavior.roles(definition.role or settings.role)


def _amounts(**quantities: float) -> Amounts:
    """In thousandths, Mesos' own precision; what is nothing at that precision is not asked for."""
    return tuple((name, thousandths) for name, value in quantities.items() if (thousandths := round(value * 1000)))


def _gpu_scheduling(definition: PodDefinition, settings: Settings) -> GpuScheduling:
    label = definition.labels.get(_GPU_LABEL, "").lower()
    return GpuScheduling(label) if label in tuple(GpuScheduling) else settings.gpu_scheduling_behavior
