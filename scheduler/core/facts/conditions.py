"""An instance's condition, health and phase, derived from its tasks (never stored).

The end of a container that is not essential does not affect them.
"""

from enum import Enum, auto

from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.records import Condition, Goal, Instance, Task

# An instance has the condition of its tasks that comes first here.
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
_LAST = RANK[Condition.KILLED]


def condition(instance: Instance) -> Condition:
    """The condition of the instance as a whole."""
    if not instance.tasks:
        return Condition.SCHEDULED
    found, first = Condition.KILLED, _LAST
    for task in instance.tasks:
        rank = RANK[task.condition]
        if rank < first and not _is_ignored(task):
            found, first = task.condition, rank
    if found is Condition.UNREACHABLE and instance.inactive:
        return Condition.UNREACHABLE_INACTIVE
    return found


def health(instance: Instance) -> bool | None:
    """The health of all containers together: False if one is unhealthy, None while it is not known."""
    healthy = None
    for task in instance.tasks:
        if task.condition is Condition.RUNNING:
            if task.healthy is False:
                return False
            healthy = healthy or task.healthy
        elif task.condition is not Condition.FINISHED and not _is_ignored(task):
            return None
    return healthy


def _is_ignored(task: Task) -> bool:
    return not task.essential and task.condition.terminal


class Checks(Frozen):
    """The checks that a running instance must pass before it is ready.

    Attributes:
        health: the containers that have a health check.
        readiness: the containers that have a readiness check, or a Mesos check.
    """

    health: frozenset[str] = frozenset()
    readiness: frozenset[str] = frozenset()


UNCHECKED = Checks()


def checks(definition: PodDefinition) -> Checks:
    """The checks of a definition."""
    return Checks(
        health=frozenset(container.name for container in definition.containers if container.every_health_check),
        readiness=frozenset(
            container.name for container in definition.containers if container.readiness_check or container.check
        ),
    )


def ready(instance: Instance, asked: Checks) -> bool:
    """Whether the instance is ready: it is running, and all its checks have passed.

    Unlike in ``health``, a container counts only once its own check has passed, because a rollout ends old instances as
    soon as new ones are ready.
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


# Mesos returned the launch, through no fault of the pod: no agent ever had it.
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
    """Whether a terminal status proves that its task is not running, and never will.

    A status of an executor or agent that had the task does; an answer of the master, or of an agent, that it knows no
    such task does not: the launch may not have reached the agent yet. ``by_agent``: the status is the agent's, not the
    master's.
    """
    return of in _ENDED_ITSELF or (of is Condition.GONE and by_agent)


def may_turn_up(task: Task) -> bool:
    """Whether the task may be running, or may still start, although it counts as ended."""
    if not task.condition.terminal:
        return True
    is_returned = task.condition is Condition.DROPPED and task.reason in RETURNED
    return not is_returned and not is_certain_end(task.condition, by_agent=False)


# The reason of the master's answer for a task that it does not know, to a kill of it or to a question for its state.
_NO_SUCH_TASK = "REASON_RECONCILIATION"


def may_be_running(task: Task) -> bool:
    """Whether a task that has run counts as ended only because the master does not know it on its agent.

    If the launch arrived after the agent had registered again without it, the master never learns of the task: it
    passes its statuses on, but answers that there is no such task, and forwards no kill.
    """
    return task.started_at is not None and task.condition is Condition.GONE and task.reason == _NO_SUCH_TASK


def is_to_be_freed(instance: Instance) -> bool:
    """Whether only the reservation of a decommissioned instance is left."""
    if instance.goal is not Goal.DECOMMISSIONED or instance.reservation is None:
        return False
    return all(task.condition.terminal for task in instance.tasks)


def marathon_name(of: Condition) -> str:
    """Marathon's name of a condition; it has one for GONE and GONE_BY_OPERATOR."""
    return Condition.GONE.value if of is Condition.GONE_BY_OPERATOR else of.value


def task_state(of: Condition) -> str:
    """Mesos' name of a task's condition; a task without any status yet is staging."""
    return _STATES[of]


_STATES = {each: f"TASK_{each.name}" for each in Condition} | {
    Condition.SCHEDULED: "TASK_STAGING",
    Condition.PROVISIONED: "TASK_STAGING",
    Condition.UNREACHABLE_INACTIVE: "TASK_UNREACHABLE",
}


class Phase(Enum):
    """The phase of an incarnation."""

    __hash__ = object.__hash__

    WAITING = auto()  # not launched
    ALIVE = auto()  # no essential container has failed or been killed
    UNREACHABLE = auto()  # the master cannot reach its agent: its containers may be alive
    ENDING = auto()  # an essential container failed or was killed; its executor is ending the others
    ENDED = auto()  # all its containers have ended


def phase(instance: Instance) -> Phase:
    """The phase of the current incarnation."""
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
