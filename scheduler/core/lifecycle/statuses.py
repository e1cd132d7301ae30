"""The handlers of task statuses and of their absence.

Every status with a uuid is acknowledged, even if it is ignored, because otherwise its agent would send no further one.
"""

from msgspec.structs import replace

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.effects import Acknowledge
from scheduler.core.events import StatusesUpdated, StatusUpdated
from scheduler.core.facts.conditions import condition, marathon_name, may_turn_up, task_state
from scheduler.core.facts.story import of_status
from scheduler.core.lifecycle import abandoned, arrival, backoff, inspections, kept_volumes, kills, orphans
from scheduler.core.turn import Turn
from scheduler.core.untrusted_text import line_and_detail
from scheduler.model.records import Condition, Instance, NetworkAddress, Task

_RECONCILIATION = "REASON_RECONCILIATION"


def on_statuses_updated(turn: Turn, event: StatusesUpdated) -> None:
    """Apply several statuses. Their instances are advanced once, after the last."""
    for each in event.statuses:
        on_status_updated(turn, each)


def on_status_updated(turn: Turn, event: StatusUpdated) -> None:
    """Apply a status to its task, and acknowledge it."""
    world = turn.world
    if event.task_id == arrival.last_task(world) and event.uuid is None:  # no agent has such a task
        arrival.on_tasks_answered(turn)
        return
    world.volatile.connection.unreconciled.discard(event.task_id)
    instance_id = world.tasks.get(event.task_id)
    if event.task_id in world.abandoned_tasks:
        abandoned.on_status_updated(turn, event)
    elif instance_id is not None:
        _update(turn, world.instances[instance_id], event)
    else:
        _unexpected(turn, event)
    if event.condition is Condition.GONE_BY_OPERATOR and event.agent_id is not None:
        kept_volumes.on_agent_gone(turn, ids.instance_of(event.task_id), event.agent_id)
    if event.uuid is not None and event.agent_id is not None:
        turn.emit(Acknowledge(event.task_id, event.agent_id, event.uuid))


def _update(turn: Turn, instance: Instance, event: StatusUpdated) -> None:
    task = next(task for task in instance.tasks if task.id == event.task_id)
    if task.condition.terminal and may_turn_up(task) and event.condition in _ALIVE:
        abandoned.found_of(turn, event, instance)
        return
    changed = _apply(instance, task, event, turn.now)
    if changed != task:
        moved = changed.condition is not task.condition or changed.healthy is not task.healthy
        after = replace(
            instance,
            tasks=tuple([changed if each is task else each for each in instance.tasks]),
            since=turn.now if moved else instance.since,
            story=of_status(instance, task, changed, turn.now),
        )
        turn.put(after)
        _publish(turn, after, task, changed)
        if changed.condition.terminal:
            inspections.on_executor_failed(turn, after, event)
        if (
            turn.world.queues.delays
            and changed.condition in _STEPS_FORWARD
            and condition(after) is not condition(instance)
        ):
            backoff.on_progress(turn, after)
        if changed.condition is Condition.STAGING:
            turn.world.deadlines.set(task.staged_at + turn.world.settings.task_launch_timeout, Due.BEGIN, task.id)
    if changed.condition is Condition.UNKNOWN:  # even if it was unknown before: deadlines do not survive a restart
        turn.world.deadlines.set(changed.since + turn.world.settings.unknown_timeout, Due.GIVE_UP, task.id)


_STEPS_FORWARD = (Condition.STAGING, Condition.STARTING, Condition.RUNNING)
_ALIVE = (*_STEPS_FORWARD, Condition.KILLING)


def on_task_unknown(turn: Turn, task_id: str) -> None:
    """A task that the master has not known for too long counts as gone."""
    instance_id = turn.world.tasks.get(task_id)
    if instance_id is None:
        return
    instance = turn.world.instances[instance_id]
    task = next(task for task in instance.tasks if task.id == task_id)
    overdue = task.since + turn.world.settings.unknown_timeout <= turn.now
    if task.condition is Condition.UNKNOWN and overdue:
        message = f"unknown to the master for {turn.world.settings.unknown_timeout:g} s"
        gone = replace(task, condition=Condition.GONE, since=turn.now, message=message, detail="")
        turn.put(
            replace(instance, since=turn.now, tasks=tuple(gone if each is task else each for each in instance.tasks))
        )


def on_launch_unconfirmed(turn: Turn, task_id: str) -> None:
    """There was no status of a launch for too long: kill it, which also makes the master report the task's state."""
    _kill_overdue(turn, task_id, (Condition.PROVISIONED,), "launch not confirmed, killing tasks")


def on_executor_not_started(turn: Turn, task_id: str) -> None:
    """An executor did not start in time: kill its tasks, so that the instance is relaunched."""
    _kill_overdue(turn, task_id, (Condition.STAGING,), "executor did not start, killing tasks")


def _kill_overdue(turn: Turn, task_id: str, stuck: tuple[Condition, ...], reason: str) -> None:
    instance_id = turn.world.tasks.get(task_id)
    if instance_id is None:
        return
    instance = turn.world.instances[instance_id]
    if any(task.condition in stuck for task in instance.tasks):
        turn.log("warning", reason, instance_id=instance.id, task_id=task_id)
        kills.kill(turn, instance)


# A task only moves forward through these, whatever order its statuses arrive in.
_PROGRESS = {
    each: number
    for number, each in enumerate(
        (Condition.PROVISIONED, Condition.STAGING, Condition.STARTING, Condition.RUNNING, Condition.KILLING)
    )
}


def _is_outdated(task: Task, told: Condition) -> bool:
    """Whether a status is of an earlier time than the one that is known: it was repeated, or overtaken."""
    return told in _PROGRESS and _PROGRESS[told] < _PROGRESS.get(task.condition, 0)


def _reached(task: Task, told: Condition) -> Condition:
    """The condition that a status shows: a task that was running, e.g. on an agent that is back, starts no more."""
    is_before = task.started_at is not None and told in (Condition.STAGING, Condition.STARTING)
    return Condition.RUNNING if is_before else told


def _apply(instance: Instance, task: Task, event: StatusUpdated, now: float) -> Task:
    if task.condition.terminal or _is_outdated(task, event.condition):
        return task
    reached = _reached(task, event.condition)
    same = reached is task.condition
    message, detail = line_and_detail(event.message)
    repeated = same and event.reason == _RECONCILIATION  # such an answer lacks the message of the status it repeats
    return replace(
        task,
        condition=reached,
        since=task.since if same else now,
        started_at=now if task.started_at is None and reached is Condition.RUNNING else task.started_at,
        healthy=task.healthy if event.healthy is None else event.healthy,
        message=task.message if repeated else message,
        detail=task.detail if repeated else detail,
        reason=task.reason if repeated else event.reason,
        networks=_shared(instance, event.networks) or task.networks,
        ready=task.ready if event.ready is None else event.ready,
        restarts=max(task.restarts, event.restarts),
        checks=task.checks if event.checks is None else event.checks,
    )


def _shared(instance: Instance, networks: tuple[NetworkAddress, ...]) -> tuple[NetworkAddress, ...]:
    """These networks, as the record that other containers of the instance have already if it is equal."""
    return next((task.networks for task in instance.tasks if task.networks == networks), networks)


def _unexpected(turn: Turn, event: StatusUpdated) -> None:
    """Handle a status of a task that belongs to no current incarnation.

    A task of a replaced incarnation is killed: it must not run at the same time as its successor. Any other is not
    touched: killing tasks that a restored or wrong store does not know has cost users their work elsewhere.
    """
    instance_id = ids.instance_of(event.task_id)
    known = turn.world.instances.get(instance_id)
    if known is not None and arrival.adopt(turn, known, event):
        return
    if event.condition.terminal and known is None:
        turn.publish(
            "unknown_instance_terminated_event",
            instanceId=instance_id,
            runSpecId=ids.pod_of(instance_id),
            condition=marathon_name(event.condition),
        )
    if known is None:
        orphans.on_status_updated(turn, event)
    if event.condition not in _ALIVE:
        return
    if known is not None:
        abandoned.found_of(turn, event, known)
    else:
        turn.world.volatile.arrival.is_old = True


def _publish(turn: Turn, instance: Instance, before: Task, after: Task) -> None:
    """Publish the change of a task on the event stream, and log it if it failed or is unhealthy."""
    if after.condition is before.condition and after.healthy == before.healthy:
        return
    failed = after.condition.terminal and after.condition not in (Condition.FINISHED, Condition.KILLED)
    agent = instance.agent
    if failed or after.healthy is False:
        turn.log(
            "warning",
            f"task {after.condition.value.lower()}" if failed else "task unhealthy",
            pod_id=instance.pod_id,
            instance_id=instance.id,
            task_id=after.id,
            agent_id=agent.id if agent else "",
            reason=after.reason or "",
            message=after.message,
        )
    if after.condition is not before.condition:
        turn.publish(
            "status_update_event",
            slaveId=agent.id if agent else "",
            taskId=after.id,
            taskStatus=task_state(after.condition),
            message=after.message,
            appId=instance.pod_id,
            host=agent.hostname if agent else "",
            ipAddresses=[
                {"ipAddress": address, "protocol": "IPv6" if ":" in address else "IPv4"}
                for network in after.networks
                for address in network.addresses
            ],
            ports=[port for _, port in instance.host_ports],
            version=instance.version,
        )
