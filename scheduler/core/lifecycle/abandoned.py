"""Abandoned launches: they may still start, or be running; one that turns up is killed until it has ended.

Mesos delivers a launch at most once, but at any time: while an agent is partitioned, the message waits in the master's
connection to it, and the agent accepts it when the partition ends, even if it has registered again without it, the
master has answered that there is no such task, and the instance was launched elsewhere. Therefore every incarnation
that ended by such an answer, and not by a status of its executor or agent, is kept on record for a while, even if its
instance or pod is deleted. The record says whether the launch has turned up: then a restarted scheduler continues to
kill it without waiting for another status.
"""

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.events import StatusUpdated
from scheduler.core.facts.conditions import is_certain_end, marathon_name
from scheduler.core.launch.grace_periods import DEFAULT_GRACE
from scheduler.core.lifecycle import kills
from scheduler.core.lifecycle.kills import Target
from scheduler.core.turn import Turn
from scheduler.model.records import Abandoned, Condition, Instance

_ENOUGH = 10  # kills, each with a shutdown of the executor, until a master that knows no such task is believed
_LONGEST_PAUSE = 600.0


def on_status_updated(turn: Turn, event: StatusUpdated) -> None:
    """Handle a status of a task of an abandoned launch."""
    world = turn.world
    record = world.abandoned[world.abandoned_tasks[event.task_id]]
    if event.condition.terminal:
        if is_certain_end(event.condition, event.uuid is not None):
            _ended(turn, record, event)
        elif record.found and record.id in world.volatile.kills:
            _not_known(turn, record)
    elif event.condition is Condition.UNREACHABLE:
        world.volatile.kills.pop(record.id, None)
    elif event.condition is not Condition.UNKNOWN:
        _found(turn, record, event)


def found_of(turn: Turn, event: StatusUpdated, instance: Instance) -> None:
    """A task is running although its incarnation has ended or was replaced: record it as abandoned and kill it."""
    incarnation = ids.incarnation_of(event.task_id)
    if incarnation is None or event.agent_id is None:
        return
    executor_id = ids.executor_id(instance.id, incarnation)
    known = turn.world.abandoned.get(executor_id)
    tasks = known.tasks if known is not None else ()
    record = Abandoned(
        id=executor_id,
        instance_id=instance.id,
        pod_id=instance.pod_id,
        tasks=(*tasks, event.task_id),
        agent_id=event.agent_id,
        since=turn.now,
        grace=known.grace if known is not None else DEFAULT_GRACE,
    )
    turn.put(record)
    _found(turn, record, event)


def condemn(turn: Turn, record: Abandoned) -> None:
    """Kill something that runs and belongs to no instance until it has ended, also after a restart."""
    turn.put(record)
    if turn.world.volatile.arrival.over:
        _kill(turn, record)


def resume(turn: Turn) -> None:
    """On a new stream: kill the launches that had turned up."""
    for record in turn.world.abandoned.values():
        if record.found:
            turn.world.volatile.kills.pop(record.id, None)
            _kill(turn, record)


def repeat(turn: Turn, executor_id: str) -> None:
    """A deadline for kills has expired."""
    if kills.is_due(turn, executor_id) and turn.world.volatile.connection.subscribed:
        _kill(turn, turn.world.abandoned[executor_id])


def expire(turn: Turn, executor_id: str) -> None:
    """Forget a launch that has not turned up for so long that it can no longer start."""
    record = turn.world.abandoned.get(executor_id)
    if record is not None and record.since + turn.world.settings.abandoned_launch_timeout <= turn.now:
        _forget(turn, record)


def _found(turn: Turn, record: Abandoned, event: StatusUpdated) -> None:
    agent_id = event.agent_id or record.agent_id
    if not record.found or record.agent_id != agent_id:
        record = replace(record, found=True, agent_id=agent_id, since=turn.now)
        turn.put(record)
        turn.log(
            "warning",
            "abandoned launch is running, killing it",
            pod_id=record.pod_id,
            instance_id=record.instance_id,
            task_id=event.task_id,
            agent_id=agent_id,
        )
        turn.publish(
            "abandoned_launch_found_event",
            instanceId=record.instance_id,
            runSpecId=record.pod_id,
            executorId=record.id,
            agentId=agent_id,
            taskId=event.task_id,
        )
    if record.id not in turn.world.volatile.kills and turn.world.volatile.arrival.over:
        _kill(turn, record)


def _kill(turn: Turn, record: Abandoned) -> None:
    sent = turn.world.volatile.kills[record.id].sent if record.id in turn.world.volatile.kills else 0
    target = Target(
        key=record.id,
        tasks=record.tasks,
        executor_id=record.id,
        agent_id=record.agent_id,
        grace=record.grace,
        responded_at=None,
        within_reach=True,
        about=(("pod_id", record.pod_id), ("instance_id", record.instance_id)),
    )
    pause = turn.world.settings.kill_retry_timeout
    slower = min(pause * 2.0 ** min(max(0, sent - _ENOUGH), 20), _LONGEST_PAUSE)
    kills.send(turn, target, Due.KILL_ABANDONED, pause=max(pause, slower))


def _not_known(turn: Turn, record: Abandoned) -> None:
    """The master knows no such task and forwards no kill: only a shutdown of the executor reaches the agent."""
    kills.shut_down(turn, record.id, record.agent_id)
    if turn.world.volatile.kills[record.id].sent >= _ENOUGH:
        turn.world.volatile.kills.pop(record.id)
        turn.put(replace(record, found=False))


def _ended(turn: Turn, record: Abandoned, event: StatusUpdated) -> None:
    left = tuple(task_id for task_id in record.tasks if task_id != event.task_id)
    if left:
        turn.put(replace(record, tasks=left))
        return
    _forget(turn, record)
    if record.found:
        turn.log("info", "abandoned launch has ended", instance_id=record.instance_id, pod_id=record.pod_id)
    turn.publish(
        "unknown_instance_terminated_event",
        instanceId=record.instance_id,
        runSpecId=record.pod_id,
        condition=marathon_name(event.condition),
    )


def _forget(turn: Turn, record: Abandoned) -> None:
    turn.world.volatile.kills.pop(record.id, None)
    turn.delete(record)
