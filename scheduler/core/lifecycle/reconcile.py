"""Reconciliation: finds out what happened to tasks while the scheduler was not connected.

After every subscription it asks for each task that may be alive, repeatedly with growing pauses, until a status has
come for it; the master does not answer for agents that have yet to register again. It also asks for all tasks at a
longer interval, and whether the agents of instances that wait with volumes still exist: no task of theirs would tell.
"""

from collections.abc import Sequence

from scheduler.core import ids
from scheduler.core.due import Due
from scheduler.core.effects import Reconcile
from scheduler.core.turn import Turn

_FIRST_DELAY, _LONGEST_DELAY = 5.0, 60.0
_BATCH = 1000


def begin(turn: Turn) -> None:
    """Start again on a new stream."""
    _ask_for_all(turn)
    _ask_for_others(turn)
    stream = str(turn.world.volatile.connection.stream)
    remaining(turn, stream)
    turn.world.deadlines.set(turn.now + turn.world.settings.reconciliation_initial_delay, Due.RECONCILE_ALL, stream)


def remaining(turn: Turn, stream: str) -> None:
    """Ask for the tasks that have had no status on this stream yet."""
    world, connection = turn.world, turn.world.volatile.connection
    connection.unreconciled &= world.tasks.keys()
    if not connection.unreconciled or not _is_current(turn, stream):
        return
    asked = [(task_id, agent_of(turn, task_id)) for task_id in sorted(connection.unreconciled)]
    _ask(turn, asked)
    world.deadlines.set(turn.now + connection.reconcile_delay, Due.RECONCILE, stream)
    connection.reconcile_delay = min(2 * connection.reconcile_delay, _LONGEST_DELAY)


def everything(turn: Turn, stream: str) -> None:
    """Ask for the state of all tasks that the master knows, and later for those that it did not report."""
    world = turn.world
    if _is_current(turn, stream):
        turn.emit(Reconcile(()))
        _ask_for_others(turn)
        if not world.volatile.connection.unreconciled:
            _ask_for_all(turn)
            world.deadlines.set(turn.now + _FIRST_DELAY, Due.RECONCILE, stream)
        world.deadlines.set(turn.now + world.settings.reconciliation_interval, Due.RECONCILE_ALL, stream)


def _ask_for_all(turn: Turn) -> None:
    connection = turn.world.volatile.connection
    connection.unreconciled = {
        task.id for instance in turn.world.instances.values() for task in instance.tasks if not task.condition.terminal
    }
    connection.reconcile_delay = _FIRST_DELAY


def _ask_for_others(turn: Turn) -> None:
    """Ask for orphans, and for a task of each instance with volumes but no live task: the master tells if its agent is
    gone.
    """
    asked = [
        (ids.task_id(instance.id, "volumes", instance.incarnation), instance.reservation.agent.id)
        for instance in turn.world.instances.values()
        if instance.reservation is not None and all(task.condition.terminal for task in instance.tasks)
    ]
    for orphan in turn.world.volatile.orphans.values():  # their ends may have been missed
        asked += [(task.task_id, orphan.agent_id) for task in orphan.tasks]
    _ask(turn, asked)


def _ask(turn: Turn, tasks: Sequence[tuple[str, str | None]]) -> None:
    for start in range(0, len(tasks), _BATCH):
        turn.emit(Reconcile(tuple(tasks[start : start + _BATCH])))


def agent_of(turn: Turn, task_id: str) -> str | None:
    """The agent a known task was launched on."""
    agent = turn.world.instances[turn.world.tasks[task_id]].agent
    return agent.id if agent else None


def _is_current(turn: Turn, stream: str) -> bool:
    return turn.world.volatile.connection.subscribed and str(turn.world.volatile.connection.stream) == stream
