"""What an instance comes to, derived from its tasks: its condition, its health, how far it is. Stored nowhere."""

from enum import Enum, auto

from scheduler.model.definition import PodDefinition
from scheduler.model.records import Condition, Instance

# An instance takes the condition that comes first here among its tasks'.
_PRECEDENCE = (
    Condition.ERROR,
    Condition.FAILED,
    Condition.GONE,
    Condition.DROPPED,
    Condition.UNREACHABLE,
    Condition.KILLING,
    Condition.STARTING,
    Condition.STAGING,
    Condition.UNKNOWN,
    Condition.PROVISIONED,
    Condition.RUNNING,
    Condition.FINISHED,
    Condition.KILLED,
)
RANK = {condition: rank for rank, condition in enumerate(_PRECEDENCE)}


def condition(instance: Instance) -> Condition:
    """The condition of the instance as a whole."""
    if not instance.tasks:
        return Condition.SCHEDULED
    return min((task.condition for task in instance.tasks), key=RANK.__getitem__)


def health(instance: Instance) -> bool | None:
    """What the containers' health checks come to: False as soon as one is unhealthy, None while it is not known."""
    healthy = None
    for task in instance.tasks:
        if task.condition is Condition.RUNNING:
            if task.healthy is False:
                return False
            healthy = healthy or task.healthy
        elif task.condition is not Condition.FINISHED:
            return None
    return healthy


def ready(instance: Instance, definition: PodDefinition) -> bool:
    """Whether the instance does its work: running and, if a container has a health check, healthy."""
    if condition(instance) is not Condition.RUNNING:
        return False
    return health(instance) is True or not any(container.health_check for container in definition.containers)


class Phase(Enum):
    """How far an incarnation is."""

    WAITING = auto()  # not launched
    ALIVE = auto()
    ENDING = auto()  # a container failed or was killed; its executor is ending the others
    ENDED = auto()


def phase(instance: Instance) -> Phase:
    """How far the present incarnation is."""
    if not instance.tasks:
        return Phase.WAITING
    if all(task.condition.terminal for task in instance.tasks):
        return Phase.ENDED
    if any(task.condition.terminal and task.condition is not Condition.FINISHED for task in instance.tasks):
        return Phase.ENDING
    return Phase.ALIVE
