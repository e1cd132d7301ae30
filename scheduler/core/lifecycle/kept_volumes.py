"""The reservations of instances with persistent volumes, as far as no offer is needed (see ``placement.residents``).

Only later offers of the agent show whether a reservation was made, or was released; until then it is in doubt.
"""

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.facts.conditions import is_to_be_freed
from scheduler.core.frame import definition_key
from scheduler.core.lifecycle.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Goal, Instance

_STARTED = (Condition.STARTING, Condition.RUNNING)
_INVALID = "REASON_TASK_GROUP_INVALID"
_NEVER_STARTED = (Condition.ERROR, Condition.DROPPED)


def is_unconfirmed(instance: Instance) -> bool:
    """Whether it has a reservation that may not exist."""
    return instance.reservation is not None and not instance.reservation.confirmed


def doubt(turn: Turn, instance: Instance) -> None:
    """From now on the reserved resources should soon be offered, if they exist."""
    due = turn.now + turn.world.settings.task_reservation_timeout
    turn.world.volatile.doubts[instance.id] = due
    turn.world.deadlines.set(due, Due.RESERVE, instance.id)


def prove(turn: Turn, instance: Instance) -> None:
    """Confirm the reservation once a container of the instance has started, on its volumes."""
    reservation = instance.reservation
    if reservation is not None and any(task.condition in _STARTED for task in instance.tasks):
        turn.world.volatile.doubts.pop(instance.id, None)
        turn.put(replace(instance, reservation=replace(reservation, confirmed=True, since=turn.now)))


def never_began(instance: Instance) -> bool:
    """Whether its first launch ended before anything can have been written to its volumes, if they exist at all."""
    return is_unconfirmed(instance) and all(task.condition in _NEVER_STARTED for task in instance.tasks)


def give_up(turn: Turn, instance: Instance) -> None:
    """Let another instance take its place; if its reservation was made nevertheless, it is released."""
    if any(task.reason == _INVALID for task in instance.tasks):
        turn.log(
            "warning",
            "Mesos refused the launch and its reservation: may the principal reserve resources for the role, and "
            "create volumes?",
            principal=turn.world.settings.principal or "",
            role=instance.role,
            pod_id=instance.pod_id,
            instance_id=instance.id,
        )
    decommission(turn, instance, "its volumes could not be reserved")


def forget(turn: Turn, instance: Instance) -> None:
    """The instance was deleted."""
    turn.world.volatile.doubts.pop(instance.id, None)
    turn.world.volatile.given_back.pop(instance.id, None)


def on_agent_gone(turn: Turn, instance_id: str, agent_id: str) -> None:
    """An operator marked an agent as gone: forget the reservation there of an instance without live tasks.

    One with live tasks learns it from these. A stopped one keeps it until it is to run again.
    """
    instance = turn.world.instances.get(instance_id)
    if instance is None or instance.reservation is None or instance.reservation.agent.id != agent_id:
        return
    if instance.goal is Goal.STOPPED or not all(task.condition.terminal for task in instance.tasks):
        return
    turn.log(
        "warning",
        "agent marked as gone, forgetting the volumes that were on it",
        pod_id=instance.pod_id,
        instance_id=instance.id,
        agent_id=agent_id,
    )
    turn.world.volatile.doubts.pop(instance.id, None)
    turn.put(replace(instance, reservation=None))
    turn.grow(definition_key(instance.pod_id, instance.config_version))


def on_overdue(turn: Turn, instance_id: str) -> None:
    """Ask for offers if the reserved resources were not offered in time."""
    world = turn.world
    instance = world.instances.get(instance_id)
    if instance is None or not is_overdue(turn, instance) or not world.volatile.connection.subscribed:
        return  # a new subscription starts the time again
    if is_to_be_freed(instance) or (is_unconfirmed(instance) and instance.goal is Goal.RUNNING and not instance.tasks):
        turn.grow()  # the next offer of its agent shows


def is_overdue(turn: Turn, instance: Instance) -> bool:
    """Whether its reserved resources should have been offered by now."""
    return turn.world.volatile.doubts.get(instance.id, float("inf")) <= turn.now
