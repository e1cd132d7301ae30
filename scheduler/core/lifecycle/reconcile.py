"""Reconciliation: finds out what happened to tasks while the scheduler was not connected.

After every subscription it asks for each task that may be alive, repeatedly with growing pauses, until a status has
come for it; the master does not answer for agents that have yet to register again. It also asks for all tasks at a
longer interval.
"""

from scheduler.core.due import Due
from scheduler.core.effects import Reconcile
from scheduler.core.turn import Turn

_FIRST_DELAY, _LONGEST_DELAY = 5.0, 60.0
_BATCH = 1000


def begin(turn: Turn) -> None:
    """Start again on a new stream."""
    _ask_for_all(turn)
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
    for start in range(0, len(asked), _BATCH):
        turn.emit(Reconcile(tuple(asked[start : start + _BATCH])))
    world.deadlines.set(turn.now + connection.reconcile_delay, Due.RECONCILE, stream)
    connection.reconcile_delay = min(2 * connection.reconcile_delay, _LONGEST_DELAY)


def everything(turn: Turn, stream: str) -> None:
    """Ask for the state of all tasks that the master knows, and later for those that it did not report."""
    world = turn.world
    if _is_current(turn, stream):
        turn.emit(Reconcile(()))
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


def agent_of(turn: Turn, task_id: str) -> str | None:
    """The agent a known task was launched on."""
    agent = turn.world.instances[turn.world.tasks[task_id]].agent
    return agent.id if agent else None


def _is_current(turn: Turn, stream: str) -> bool:
    return turn.world.volatile.connection.subscribed and str(turn.world.volatile.connection.stream) == stream
