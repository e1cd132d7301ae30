"""Why an executor failed.

Mesos says no more than that it is gone. What it wrote last is in its sandbox: that is asked for. The last line of it
comes into the messages of its tasks, all of it into their details. A series of failures of a pod costs one look at its
last few, however many instances fail.
"""

import signal
from dataclasses import replace
from typing import TypeVar

from scheduler.core.due import Due
from scheduler.core.effects import InspectExecutor
from scheduler.core.events import ExecutorEnded, ExecutorInspected, StatusUpdated
from scheduler.core.texts import whole_of
from scheduler.core.turn import Turn
from scheduler.core.volatile import FailedExecutor
from scheduler.model.records import Instance, Pod, Task, TaskEnd

# From the first failure of a series to the look. By then the launches that failed with it are known.
PATIENCE = 0.5
_GONE = frozenset(
    {
        "REASON_EXECUTOR_TERMINATED",
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    }
)
# What executors say of a container is said of the executor's own by its agent.
_NOT_LAUNCHED = "REASON_CONTAINER_LAUNCH_FAILED"
_EXECUTOR = "SOURCE_EXECUTOR"
_EXITS_KEPT = 1000
_End = TypeVar("_End", Task, TaskEnd)
_LONGEST = 300  # characters of what it wrote, in a message


def on_executor_ended(turn: Turn, event: ExecutorEnded) -> None:
    """How it ended is told apart from its tasks' statuses, before or after them."""
    if event.status is not None:
        exits = turn.world.volatile.executor_exits
        exits[event.executor_id] = event.status
        while len(exits) > _EXITS_KEPT:
            del exits[next(iter(exits))]


def on_executor_failed(turn: Turn, instance: Instance, event: StatusUpdated) -> None:
    """A task ended. Was it by its executor's failure, look at that soon."""
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
    """Look at the last that failed."""
    for executor_id, failure in turn.world.volatile.failed_executors.pop(pod_id, {}).items():
        turn.emit(InspectExecutor(pod_id, executor_id, failure.agent_id, tuple(failure.tasks)))


def on_executor_inspected(turn: Turn, event: ExecutorInspected) -> None:
    """Tell what was found wherever the end of its tasks is told."""
    words = _in_words(turn.world.volatile.executor_exits.pop(event.executor_id, None), event.lines)
    if not words:
        return
    turn.log(
        "warning",
        "executor failed",
        pod_id=event.pod_id,
        executor_id=event.executor_id,
        why=words,
        stderr="\n".join(event.lines),
    )
    tasks = frozenset(event.tasks)
    for instance_id in dict.fromkeys(turn.world.tasks.get(task_id) for task_id in event.tasks):
        if instance_id is not None:
            instance = turn.world.instances[instance_id]
            told = (_told(task, words, event.lines) if task.id in tasks else task for task in instance.tasks)
            turn.put(replace(instance, tasks=tuple(told)))
    pod = turn.world.pods.get(event.pod_id)
    if pod is not None:
        _tell_in_history(turn, pod, tasks, words, event.lines)


def _tell_in_history(turn: Turn, pod: Pod, tasks: frozenset[str], words: str, lines: tuple[str, ...]) -> None:
    terminations = []
    for termination in pod.terminations:
        messages = {end.message for end in termination.tasks if end.task_id in tasks}
        ends = tuple(_told(end, words, lines) if end.task_id in tasks else end for end in termination.tasks)
        message = _with(termination.message, words) if termination.message in messages else termination.message
        terminations.append(replace(termination, message=message, tasks=ends))
    if tuple(terminations) != pod.terminations:
        turn.put(replace(pod, terminations=tuple(terminations)))


def _told(of: _End, words: str, lines: tuple[str, ...]) -> _End:
    """With one line for people in the message, and in the detail all that the executor wrote if that is more."""
    message = _with(of.message, words)
    if not lines or (len(lines) == 1 and message.endswith(lines[0])):
        return replace(of, message=message)
    return replace(of, message=message, detail=whole_of("\n".join((message, *of.detail.splitlines(), *lines))))


def _with(message: str, words: str) -> str:
    return f"{message}: {words}" if message else words


def _in_words(status: int | None, lines: tuple[str, ...]) -> str:
    """One line: how it ended, and the last that it wrote."""
    words = [] if status is None else [f"its executor {_ending(status)}"]
    if lines:
        last = lines[-1] if len(lines[-1]) <= _LONGEST else f"{lines[-1][:_LONGEST]}…"
        words.append(f"its stderr ends with: {last}" if words else f"its executor's stderr ends with: {last}")
    return "; ".join(words)


def _ending(status: int) -> str:
    """Of a raw wait status."""
    number = status & 0x7F
    if not number:
        return f"exited with status {status >> 8 & 0xFF}"
    try:
        return f"was killed by {signal.Signals(number).name}"
    except ValueError:
        return f"was killed by signal {number}"
