"""What is kept for an instance with persistent volumes, as far as it needs no offer: placement.residents has the rest.

Whether something that was asked for is done - a reservation, or giving it back - only later offers of the agent show;
until then it is in doubt.
"""

from dataclasses import replace

from scheduler.core.due import Due
from scheduler.core.facts.conditions import is_to_be_freed
from scheduler.core.lifecycle.kills import decommission
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Goal, Instance

_STARTED = (Condition.STARTING, Condition.RUNNING)
_INVALID = "REASON_TASK_GROUP_INVALID"
_NEVER_STARTED = (Condition.ERROR, Condition.DROPPED)


def is_unconfirmed(instance: Instance) -> bool:
    """Whether it is not known if what was asked for it is there."""
    return instance.reservation is not None and not instance.reservation.confirmed


def doubt(turn: Turn, instance: Instance) -> None:
    """From now on what is kept for the instance should soon be seen, if it is there."""
    due = turn.now + turn.world.settings.task_reservation_timeout
    turn.world.volatile.doubts[instance.id] = due
    turn.world.deadlines.set(due, Due.RESERVE, instance.id)


def prove(turn: Turn, instance: Instance) -> None:
    """A container of it has begun its work, on its volumes."""
    reservation = instance.reservation
    if reservation is not None and any(task.condition in _STARTED for task in instance.tasks):
        turn.world.volatile.doubts.pop(instance.id, None)
        turn.put(replace(instance, reservation=replace(reservation, confirmed=True, since=turn.now)))


def never_began(instance: Instance) -> bool:
    """Whether its first launch ended before anything can have been written on its volumes, if they were made at all."""
    return is_unconfirmed(instance) and all(task.condition in _NEVER_STARTED for task in instance.tasks)


def give_up(turn: Turn, instance: Instance) -> None:
    """Another instance tries instead; should something be kept for this one all the same, it is given back."""
    if any(task.reason == _INVALID for task in instance.tasks):
        turn.log(
            "warning",
            "Mesos refused to launch on what was to be reserved: does it let the principal reserve resources for the "
            "role, and create volumes?",
            principal=turn.world.settings.principal or "",
            role=instance.role,
            pod_id=instance.pod_id,
            instance_id=instance.id,
        )
    decommission(turn, instance)


def forget(turn: Turn, instance: Instance) -> None:
    """The instance is no more."""
    turn.world.volatile.doubts.pop(instance.id, None)
    turn.world.volatile.given_back.pop(instance.id, None)


def on_overdue(turn: Turn, instance_id: str) -> None:
    """What should be seen of a reservation by now was not."""
    world = turn.world
    instance = world.instances.get(instance_id)
    if instance is None or not is_overdue(turn, instance) or not world.volatile.connection.subscribed:
        return  # a new subscription begins to count anew
    if is_to_be_freed(instance) or (is_unconfirmed(instance) and instance.goal is Goal.RUNNING and not instance.tasks):
        turn.demand_grew = True  # the next offer of its agent tells


def is_overdue(turn: Turn, instance: Instance) -> bool:
    """Whether what is reserved for it should have been offered by now."""
    return turn.world.volatile.doubts.get(instance.id, float("inf")) <= turn.now
