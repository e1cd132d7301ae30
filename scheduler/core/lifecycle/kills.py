"""Kills: Mesos delivers them at most once, so they are repeated until every task has ended.

An executor that ignores several kills and lets its grace periods pass is hung: then its agent is asked to shut it down,
which ends all its containers without its help. An unreachable executor does not count as hung.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.effects import Kill, Shutdown
from scheduler.core.facts.conditions import Phase, phase
from scheduler.core.facts.story import happening, told
from scheduler.core.launch.grace_periods import seconds_to_stop
from scheduler.core.turn import Turn
from scheduler.core.volatile import Kills
from scheduler.model.frozen import Frozen
from scheduler.model.records import Condition, Goal, Instance, What

# In these conditions the executor has the task, or its agent is about to start it: kills can reach it.
_WITHIN_REACH = frozenset({Condition.STAGING, Condition.STARTING, Condition.RUNNING, Condition.KILLING})


class Target(Frozen):
    """The tasks of one executor that are to end.

    Attributes:
        key: the key of its entry in ``volatile.kills``.
        executor_id, agent_id: None: not known.
        grace: seconds its containers may take to stop.
        responded_at: when it last reacted to a kill; None: it did not.
        within_reach: whether kills can reach it, as far as is known.
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


def decommission(turn: Turn, instance: Instance, cause: str) -> None:
    """Decommission the instance; its kills are sent at once. ``cause``: who wants it to end, or why; one line."""
    _begin(turn, replace(instance, goal=Goal.DECOMMISSIONED), cause)


def stop(turn: Turn, instance: Instance, cause: str) -> None:
    """End the instance and keep its reservation."""
    _begin(turn, replace(instance, goal=Goal.STOPPED), cause)


def restart(turn: Turn, instance: Instance, cause: str) -> None:
    """End the current incarnation; the instance is relaunched."""
    _begin(turn, replace(instance, killing=True), cause)


def kill(turn: Turn, instance: Instance) -> None:
    """Kill the instance's live tasks, unless they were killed already and are to be killed again later."""
    if instance.id not in turn.world.volatile.kills or is_due(turn, instance.id):
        _send_to(turn, instance)


def wait_for_agent(turn: Turn, instance: Instance) -> None:
    """Nothing can be killed on an unreachable agent; once it is back, kills are sent at once."""
    turn.world.volatile.kills.pop(instance.id, None)


def expect_end(turn: Turn, instance: Instance) -> None:
    """The executor ends the rest of its group; if it does not in time, kills are sent."""
    if instance.id not in turn.world.volatile.kills:
        again_at = turn.now + _grace(turn, instance) + turn.world.settings.kill_retry_timeout
        turn.world.volatile.kills[instance.id] = Kills(sent=0, since=turn.now, again_at=again_at)
        turn.world.deadlines.set(again_at, Due.KILL, instance.id)


def repeat(turn: Turn, instance_id: str) -> None:
    """A deadline for kills has expired: kill the live tasks again."""
    if not is_due(turn, instance_id) or not turn.world.volatile.connection.subscribed:
        return  # a new subscription starts again
    instance = turn.world.instances[instance_id]
    if phase(instance) is Phase.UNREACHABLE:
        wait_for_agent(turn, instance)
    else:
        _send_to(turn, instance)


def on_end(turn: Turn, instance: Instance) -> None:
    """All tasks of the current incarnation have ended."""
    turn.world.volatile.kills.pop(instance.id, None)


def resume(turn: Turn) -> None:
    """On a new stream: kills of an older one may have been lost; send them again, and count them from zero."""
    for key, kills in turn.world.volatile.kills.items():
        if kills.sent and key in turn.world.instances:
            turn.world.volatile.kills[key] = Kills(sent=0, since=turn.now, again_at=turn.now)
            turn.world.deadlines.set(turn.now, Due.KILL, key)


# --------------------------------------------------------------------- of any executor


def is_due(turn: Turn, key: str) -> bool:
    """Whether kills are to be sent again now."""
    kills = turn.world.volatile.kills.get(key)
    return kills is not None and kills.again_at <= turn.now


def send(turn: Turn, target: Target, due: Due, *, pause: float | None = None) -> None:
    """Kill these tasks, and shut their executor down if it is hung; again after ``pause`` (``kill_retry_timeout``)."""
    settings = turn.world.settings
    last = turn.world.volatile.kills.get(target.key) or Kills(sent=0, since=turn.now, again_at=turn.now)
    for task_id in target.tasks:
        turn.emit(Kill(task_id, target.agent_id))
    is_hung = _is_hung(turn, target, last)
    if last.sent == 1 or (not last.sent and last.since < turn.now):  # first kills need no warning
        turn.log("warning", "instance has not ended, killing it again", **dict(target.about), kills_sent=str(last.sent))
    if is_hung and target.executor_id is not None and target.agent_id is not None:
        shut_down(turn, target.executor_id, target.agent_id)
        _report_hung(turn, target, last)
    again_at = turn.now + (settings.kill_retry_timeout if pause is None else pause)
    turn.world.volatile.kills[target.key] = replace(
        last, sent=last.sent + 1, again_at=again_at, shutdowns=last.shutdowns + is_hung
    )
    turn.world.deadlines.set(again_at, due, target.key)


def shut_down(turn: Turn, executor_id: str, agent_id: str) -> None:
    """Ask the agent to end the executor and all its containers."""
    turn.emit(Shutdown(executor_id, agent_id))


def _is_hung(turn: Turn, target: Target, kills: Kills) -> bool:
    """Whether the executor has ignored enough kills, and its grace period has passed."""
    settings = turn.world.settings
    since = max(kills.since, target.responded_at or kills.since)
    is_overdue = turn.now >= since + target.grace + settings.kill_retry_timeout
    return target.within_reach and is_overdue and kills.sent >= settings.kills_before_shutdown


def _report_hung(turn: Turn, target: Target, kills: Kills) -> None:
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


def _begin(turn: Turn, ending: Instance, cause: str) -> None:
    kills = turn.world.volatile.kills.get(ending.id)
    if kills is not None:  # send them at once, but keep their count: repeated requests must not protect a hung executor
        turn.world.volatile.kills[ending.id] = replace(kills, again_at=turn.now)
    killed = happening(turn.now, What.KILLED, cause=cause)
    is_known = bool(ending.story) and ending.story[-1].what is What.KILLED and ending.story[-1].cause == killed.cause
    turn.put(ending if is_known else told(ending, killed))


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
    """Seconds in which the executor should end every container."""
    return seconds_to_stop(turn.world.definition(instance.pod_id, instance.version))
