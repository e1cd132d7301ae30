"""Ending instances for certain: a kill is at most once on its way, so it is repeated until every task has ended."""

from dataclasses import replace

from scheduler.core.effects import Kill
from scheduler.core.graces import seconds_to_stop
from scheduler.core.turn import Turn
from scheduler.core.world import Due
from scheduler.model.records import Goal, Instance


def decommission(turn: Turn, instance: Instance) -> None:
    """Want the instance no more; its kills go out at once."""
    _begin(turn, replace(instance, goal=Goal.DECOMMISSIONED))


def stop(turn: Turn, instance: Instance) -> None:
    """End the instance and keep what is reserved for it."""
    _begin(turn, replace(instance, goal=Goal.STOPPED))


def restart(turn: Turn, instance: Instance) -> None:
    """End the present incarnation; the instance is launched again."""
    _begin(turn, replace(instance, killing=True))


def kill(turn: Turn, instance: Instance) -> None:
    """Kill what is alive of the instance, unless that was asked already and is to be repeated later."""
    if instance.id not in turn.world.kills:
        _send(turn, instance)


def wait(turn: Turn, instance: Instance) -> None:
    """Nothing can be killed on an agent out of reach; once it is back, kills go out at once."""
    turn.world.kills.pop(instance.id, None)


def expect_end(turn: Turn, instance: Instance) -> None:
    """The executor ends the rest of its group; should it not in time, kills go out."""
    if instance.id not in turn.world.kills:
        _repeat_at(turn, instance, turn.now + _longest_grace(turn, instance))


def repeat(turn: Turn, instance_id: str) -> None:
    """A deadline for kills has come: ask again for what is still alive."""
    at = turn.world.kills.get(instance_id)
    if at is not None and at <= turn.now:
        instance = turn.world.instances[instance_id]
        turn.note("warning", "killing what has not ended", instance_id=instance_id, pod_id=instance.pod_id)
        _send(turn, instance)


def settled(turn: Turn, instance: Instance) -> None:
    """Nothing of the instance's incarnation is alive."""
    turn.world.kills.pop(instance.id, None)


def _begin(turn: Turn, ending: Instance) -> None:
    turn.world.kills.pop(ending.id, None)
    turn.put(ending)


def _send(turn: Turn, instance: Instance) -> None:
    for task in instance.tasks:
        if not task.condition.terminal:
            turn.ask(Kill(task.id, instance.agent.id if instance.agent else None))
    _repeat_at(turn, instance, turn.now + turn.world.settings.kill_retry_timeout)


def _repeat_at(turn: Turn, instance: Instance, when: float) -> None:
    turn.world.kills[instance.id] = when
    turn.world.at(when, Due.KILL, instance.id)


def _longest_grace(turn: Turn, instance: Instance) -> float:
    """Seconds in which the executor should have ended every container by itself."""
    definition = turn.world.definition(instance.pod_id, instance.version)
    return seconds_to_stop(definition) + turn.world.settings.kill_retry_timeout
