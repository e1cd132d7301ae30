"""Inspections: find out why an executor failed.

Mesos only says that it is gone. Its last output is in its sandbox and is read from there. The last line is added to the
messages of its tasks, and the whole output to their details. If many executors of a pod fail at once, only the last few
are inspected.
"""

import signal
from typing import TypeVar

from msgspec.structs import replace

from scheduler.core.due import Due
from scheduler.core.effects import InspectExecutor
from scheduler.core.events import ExecutorEnded, ExecutorInspected, StatusUpdated
from scheduler.core.turn import Turn
from scheduler.core.untrusted_text import whole_of
from scheduler.core.volatile import FailedExecutor
from scheduler.model.records import Instance, Pod, Task, TaskEnd

# From the first failure of a series to the inspection: by then the other failures of the series are known.
PATIENCE = 0.5
_GONE = frozenset(
    {
        "REASON_EXECUTOR_TERMINATED",
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    }
)
# Executors send this for a container; from an agent it is about the executor's own container.
_NOT_LAUNCHED = "REASON_CONTAINER_LAUNCH_FAILED"
_EXECUTOR = "SOURCE_EXECUTOR"
_EXITS_KEPT = 1000
_End = TypeVar("_End", Task, TaskEnd)
_LONGEST = 300  # characters of output in a message


def on_executor_ended(turn: Turn, event: ExecutorEnded) -> None:
    """Remember the exit status: it arrives separately from the statuses of the tasks, before or after them."""
    if event.status is not None:
        exits = turn.world.volatile.executor_exits
        exits[event.executor_id] = event.status
        while len(exits) > _EXITS_KEPT:
            del exits[next(iter(exits))]


def on_executor_failed(turn: Turn, instance: Instance, event: StatusUpdated) -> None:
    """A task ended: if it did because its executor failed, schedule an inspection."""
    by_executor = event.reason in _GONE or (event.reason == _NOT_LAUNCHED and event.source != _EXECUTOR)
    if not by_executor or instance.executor_id is None or instance.agent is None:
        return
    failures = turn.world.volatile.failed_executors.setdefault(instance.pod_id, {})
    if not failures:
        turn.world.deadlines.set(turn.now + PATIENCE, Due.INSPECT, instance.pod_id)
    failure = failures.setdefault(instance.executor_id, FailedExecutor(instance.agent.id, {}))
    failure.tasks[event.task_id] = None
    while len(failures) > turn.world.settings.terminations_kept:
        del failures[next(iter(failures))]


def inspect(turn: Turn, pod_id: str) -> None:
    """Inspect the pod's last failed executors."""
    for executor_id, failure in turn.world.volatile.failed_executors.pop(pod_id, {}).items():
        turn.emit(InspectExecutor(pod_id, executor_id, failure.agent_id, tuple(failure.tasks)))


def on_executor_inspected(turn: Turn, event: ExecutorInspected) -> None:
    """Add the cause of the failure to the log, and to all records of the tasks that ended by it."""
    cause = _cause(turn.world.volatile.executor_exits.pop(event.executor_id, None), event.lines)
    if not cause:
        return
    turn.log(
        "warning",
        "executor failed",
        pod_id=event.pod_id,
        executor_id=event.executor_id,
        why=cause,
        stderr="\n".join(event.lines),
    )
    tasks = frozenset(event.tasks)
    for instance_id in dict.fromkeys(turn.world.tasks.get(task_id) for task_id in event.tasks):
        if instance_id is not None:
            instance = turn.world.instances[instance_id]
            explained = (_explained(task, cause, event.lines) if task.id in tasks else task for task in instance.tasks)
            turn.put(replace(instance, tasks=tuple(explained)))
    pod = turn.world.pods.get(event.pod_id)
    if pod is not None:
        _explain_history(turn, pod, tasks, cause, event.lines)


def _explain_history(turn: Turn, pod: Pod, tasks: frozenset[str], cause: str, lines: tuple[str, ...]) -> None:
    terminations = []
    for termination in pod.terminations:
        messages = {end.message for end in termination.tasks if end.task_id in tasks}
        ends = tuple(_explained(end, cause, lines) if end.task_id in tasks else end for end in termination.tasks)
        message = _with(termination.message, cause) if termination.message in messages else termination.message
        terminations.append(replace(termination, message=message, tasks=ends))
    if tuple(terminations) != pod.terminations:
        turn.put(replace(pod, terminations=tuple(terminations)))


def _explained(end: _End, cause: str, lines: tuple[str, ...]) -> _End:
    """The end of a task with the cause in its message, and the executor's whole output, if longer, in its detail."""
    message = _with(end.message, cause)
    if not lines or (len(lines) == 1 and message.endswith(lines[0])):
        return replace(end, message=message)
    return replace(end, message=message, detail=whole_of("\n".join((message, *end.detail.splitlines(), *lines))))


def _with(message: str, cause: str) -> str:
    return f"{message}: {cause}" if message else cause


def _cause(status: int | None, lines: tuple[str, ...]) -> str:
    """One line: how the executor ended, and the last line of its output."""
    parts = [] if status is None else [f"its executor {_ending(status)}"]
    if lines:
        last = lines[-1] if len(lines[-1]) <= _LONGEST else f"{lines[-1][:_LONGEST]}…"
        parts.append(f"its stderr ends with: {last}" if parts else f"its executor's stderr ends with: {last}")
    return "; ".join(parts)


def _ending(status: int) -> str:
    """A raw wait status as text."""
    number = status & 0x7F
    if not number:
        return f"exited with status {status >> 8 & 0xFF}"
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"was killed by signal {number}"
