"""What an instance comes to, derived from its tasks: its condition, its health, how far it is. Stored nowhere.

How a container ended that is not essential says nothing of its instance.
"""

from dataclasses import dataclass
from enum import Enum, auto

from scheduler.model.definition import PodDefinition
from scheduler.model.records import Condition, Goal, Instance, Task

# An instance takes the condition that comes first here among its tasks'.
_PRECEDENCE = (
    Condition.ERROR,
    Condition.FAILED,
    Condition.GONE,
    Condition.GONE_BY_OPERATOR,
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
    found = Condition.KILLED  # the last in precedence
    for task in instance.tasks:
        if RANK[task.condition] < RANK[found] and not _is_of_no_account(task):
            found = task.condition
    if found is Condition.UNREACHABLE and instance.inactive:
        return Condition.UNREACHABLE_INACTIVE
    return found


def health(instance: Instance) -> bool | None:
    """What the containers' health checks come to: False as soon as one is unhealthy, None while it is not known."""
    healthy = None
    for task in instance.tasks:
        if task.condition is Condition.RUNNING:
            if task.healthy is False:
                return False
            healthy = healthy or task.healthy
        elif task.condition is not Condition.FINISHED and not _is_of_no_account(task):
            return None
    return healthy


def _is_of_no_account(task: Task) -> bool:
    return not task.essential and task.condition.terminal


@dataclass(frozen=True, slots=True)
class Checks:
    """What has to be found of an instance that runs before it counts as one that does its work.

    Attributes:
        health: the containers that have a health check.
        readiness: the containers that say themselves when they can be used.
    """

    health: frozenset[str] = frozenset()
    readiness: frozenset[str] = frozenset()


UNCHECKED = Checks()


def checks(definition: PodDefinition) -> Checks:
    """What instances of a definition are checked for."""
    return Checks(
        health=frozenset(container.name for container in definition.containers if container.every_health_check),
        readiness=frozenset(
            container.name for container in definition.containers if container.readiness_check or container.check
        ),
    )


def ready(instance: Instance, asked: Checks) -> bool:
    """Whether the instance does its work: it runs and, as far as it is checked, it is healthy and can be used.

    Unlike in ``health``, of no container this is believed before its own check has spoken: by it an update decides that
    what ran before may go.
    """
    if condition(instance) is not Condition.RUNNING:
        return False
    if any(task.condition is Condition.KILLED and task.essential for task in instance.tasks):
        return False  # the executor is ending the others
    if not asked.health and not asked.readiness:
        return True
    return all(task.condition.terminal or _passes(task, asked) for task in instance.tasks)


def _passes(task: Task, asked: Checks) -> bool:
    if task.container in asked.health and task.healthy is not True:
        return False
    return task.container not in asked.readiness or task.ready is True


# Mesos gave the launch back, through no fault of the pod: no agent ever had it.
RETURNED = frozenset(
    {
        "REASON_INVALID_OFFERS",
        "REASON_AGENT_REMOVED",
        "REASON_AGENT_DISCONNECTED",
        "REASON_SLAVE_REMOVED",
        "REASON_SLAVE_DISCONNECTED",
    }
)
_ENDED_ITSELF = frozenset({Condition.FINISHED, Condition.FAILED, Condition.KILLED, Condition.ERROR})


def is_certain_end(of: Condition, by_agent: bool) -> bool:
    """Whether a terminal status says for certain that its task does not run, and will not.

    That its executor or agent had it and lost it does; that the master, or the agent, knows no such task does not: the
    launch may have yet to reach the agent. ``by_agent``: the status is the agent's, not the master's.
    """
    return of in _ENDED_ITSELF or (of is Condition.GONE and by_agent)


def may_turn_up(task: Task) -> bool:
    """Whether an ended task may run all the same, or come to."""
    if not task.condition.terminal:
        return True
    is_returned = task.condition is Condition.DROPPED and task.reason in RETURNED
    return not is_returned and not is_certain_end(task.condition, by_agent=False)


def is_to_be_freed(instance: Instance) -> bool:
    """Whether nothing of the instance is left but what is reserved for it."""
    if instance.goal is not Goal.DECOMMISSIONED or instance.reservation is None:
        return False
    return all(task.condition.terminal for task in instance.tasks)


def marathon_name(of: Condition) -> str:
    """A condition as Marathon names it, which knows only one way to be gone."""
    return Condition.GONE.value if of is Condition.GONE_BY_OPERATOR else of.value


def task_state(of: Condition) -> str:
    """Mesos' name for where a task stands; one of which nothing was heard yet is being staged."""
    return _STATES[of]


_STATES = {each: f"TASK_{each.name}" for each in Condition} | {
    Condition.SCHEDULED: "TASK_STAGING",
    Condition.PROVISIONED: "TASK_STAGING",
    Condition.UNREACHABLE_INACTIVE: "TASK_UNREACHABLE",
}


class Phase(Enum):
    """How far an incarnation is."""

    __hash__ = object.__hash__

    WAITING = auto()  # not launched
    ALIVE = auto()  # its containers run, are about to, or have finished; those that are not essential, in whatever way
    UNREACHABLE = auto()  # out of reach of the master: perhaps alive
    ENDING = auto()  # a container failed or was killed; its executor is ending the others
    ENDED = auto()  # all its containers have ended


def phase(instance: Instance) -> Phase:
    """How far the present incarnation is."""
    if not instance.tasks:
        return Phase.WAITING
    ended = failed = unreachable = 0
    for task in instance.tasks:
        if task.condition.terminal:
            ended += 1
            failed += task.essential and task.condition is not Condition.FINISHED
        elif task.condition is Condition.UNREACHABLE:
            unreachable += 1
    if ended == len(instance.tasks):
        return Phase.ENDED
    if unreachable:
        return Phase.UNREACHABLE
    return Phase.ENDING if failed else Phase.ALIVE
