"""Ending instances for certain: a kill is at most once on its way, so it is repeated until every task has ended.

An executor that lets its grace periods pass, and several kills, is hung: then its agent is told to shut it down, which
ends all its containers whether it takes part or not. Nothing is held against an executor that cannot be reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scheduler.core.due import Due
from scheduler.core.effects import Kill, Shutdown
from scheduler.core.facts.conditions import Phase, phase
from scheduler.core.launch.grace_periods import seconds_to_stop
from scheduler.core.turn import Turn
from scheduler.core.volatile import Kills
from scheduler.model.records import Condition, Goal, Instance

# In these an executor has the task, or its agent is about to start it: kills go as far as that.
_WITHIN_REACH = frozenset({Condition.STAGING, Condition.STARTING, Condition.RUNNING, Condition.KILLING})


@dataclass(frozen=True, slots=True)
class Target:
    """What of one executor is to end.

    Attributes:
        key: under which the world counts its kills.
        executor_id, agent_id: None: not known.
        grace: seconds its containers may take to stop.
        responded_at: when it last showed that it heard of a kill; None: it did not.
        within_reach: whether kills get to it, as far as is known.
        about: ids for the log.
    """

    key: str
    tasks: Sequence[str]
    executor_id: str | None
    agent_id: str | None
    grace: float
    responded_at: float | None
    within_reach: bool
    about: tuple[tuple[str, str], ...]


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
    if instance.id not in turn.world.volatile.kills or is_due(turn, instance.id):
        _send_to(turn, instance)


def wait(turn: Turn, instance: Instance) -> None:
    """Nothing can be killed on an agent out of reach; once it is back, kills go out at once."""
    turn.world.volatile.kills.pop(instance.id, None)


def expect_end(turn: Turn, instance: Instance) -> None:
    """The executor ends the rest of its group; should it not in time, kills go out."""
    if instance.id not in turn.world.volatile.kills:
        again_at = turn.now + _grace(turn, instance) + turn.world.settings.kill_retry_timeout
        turn.world.volatile.kills[instance.id] = Kills(sent=0, since=turn.now, again_at=again_at)
        turn.world.deadlines.set(again_at, Due.KILL, instance.id)


def repeat(turn: Turn, instance_id: str) -> None:
    """A deadline for kills has come: ask again for what is still alive."""
    if not is_due(turn, instance_id) or not turn.world.volatile.connection.subscribed:
        return  # a new subscription begins anew
    instance = turn.world.instances[instance_id]
    if phase(instance) is Phase.UNREACHABLE:
        wait(turn, instance)
    else:
        _send_to(turn, instance)


def on_end(turn: Turn, instance: Instance) -> None:
    """Nothing of the instance's incarnation is alive."""
    turn.world.volatile.kills.pop(instance.id, None)


def resume(turn: Turn) -> None:
    """On a new stream: kills of an older one may have reached nobody; they go out again, and are counted again."""
    for key, kills in turn.world.volatile.kills.items():
        if kills.sent and key in turn.world.instances:
            turn.world.volatile.kills[key] = Kills(sent=0, since=turn.now, again_at=turn.now)
            turn.world.deadlines.set(turn.now, Due.KILL, key)


# --------------------------------------------------------------------- of any executor


def is_due(turn: Turn, key: str) -> bool:
    """Whether kills are to go out again now."""
    kills = turn.world.volatile.kills.get(key)
    return kills is not None and kills.again_at <= turn.now


def send(turn: Turn, target: Target, due: Due, *, pause: float | None = None) -> None:
    """Kill these tasks, and shut their executor down if it is hung; once more after ``pause``, by default as set."""
    settings = turn.world.settings
    last = turn.world.volatile.kills.get(target.key) or Kills(sent=0, since=turn.now, again_at=turn.now)
    for task_id in target.tasks:
        turn.emit(Kill(task_id, target.agent_id))
    is_hung = _is_hung(turn, target, last)
    if last.sent == 1 or (not last.sent and last.since < turn.now):  # the first ones are as it should be
        turn.log("warning", "killing what has not ended", **dict(target.about), kills_sent=str(last.sent))
    if is_hung and target.executor_id is not None and target.agent_id is not None:
        shut_down(turn, target.executor_id, target.agent_id)
        _tell_of_hung(turn, target, last)
    again_at = turn.now + (settings.kill_retry_timeout if pause is None else pause)
    turn.world.volatile.kills[target.key] = replace(
        last, sent=last.sent + 1, again_at=again_at, shutdowns=last.shutdowns + is_hung
    )
    turn.world.deadlines.set(again_at, due, target.key)


def shut_down(turn: Turn, executor_id: str, agent_id: str) -> None:
    """Have the agent end the executor and all its containers."""
    turn.emit(Shutdown(executor_id, agent_id))


def _is_hung(turn: Turn, target: Target, kills: Kills) -> bool:
    """Whether it has had every chance to end by itself."""
    settings = turn.world.settings
    since = max(kills.since, target.responded_at or kills.since)
    is_overdue = turn.now >= since + target.grace + settings.kill_retry_timeout
    return target.within_reach and is_overdue and kills.sent >= settings.kills_before_shutdown


def _tell_of_hung(turn: Turn, target: Target, kills: Kills) -> None:
    if kills.shutdowns:
        return
    about = {**dict(target.about), "executor_id": target.executor_id or "", "agent_id": target.agent_id or ""}
    turn.log("warning", "executor does not respond to kills, shutting it down", **about, kills_sent=str(kills.sent))
    turn.publish(
        "executor_unresponsive_event",
        executorId=target.executor_id,
        agentId=target.agent_id,
        instanceId=about["instance_id"],
        runSpecId=about["pod_id"],
        killsSent=kills.sent,
    )


# ---------------------------------------------------------------------------- helpers


def _begin(turn: Turn, ending: Instance) -> None:
    kills = turn.world.volatile.kills.get(ending.id)
    if kills is not None:  # they go out at once, and who asks again and again spares no hung executor
        turn.world.volatile.kills[ending.id] = replace(kills, again_at=turn.now)
    turn.put(ending)


def _send_to(turn: Turn, instance: Instance) -> None:
    alive = [task for task in instance.tasks if not task.condition.terminal]
    target = Target(
        key=instance.id,
        tasks=[task.id for task in alive],
        executor_id=instance.executor_id,
        agent_id=instance.agent.id if instance.agent else None,
        grace=_grace(turn, instance),
        responded_at=max((task.since for task in alive if task.condition is Condition.KILLING), default=None),
        within_reach=any(task.condition in _WITHIN_REACH for task in alive),
        about=(("pod_id", instance.pod_id), ("instance_id", instance.id)),
    )
    send(turn, target, Due.KILL)


def _grace(turn: Turn, instance: Instance) -> float:
    """Seconds in which the executor should have ended every container."""
    return seconds_to_stop(turn.world.definition(instance.pod_id, instance.version))
