"""Orphans: tasks of this framework that run and are on no record, e.g. since an old backup of the store was restored.

They are never touched by themselves: killing what a restored or wrong store does not know has cost users their work
elsewhere. Users list, adopt or kill them. They are not stored: after a restart the master reports them again.
"""

from scheduler.core import ids
from scheduler.core.events import StatusUpdated
from scheduler.core.turn import Turn
from scheduler.core.volatile import Orphan
from scheduler.model.records import Condition

MOST_KEPT = 10_000
_MOST_TASKS = 500  # of one orphan: a pod has no more containers
_ALIVE = frozenset({Condition.STAGING, Condition.STARTING, Condition.RUNNING, Condition.KILLING})


def orphan_id(task_id: str) -> str:
    """The id under which a task is listed: its executor's, or its own if it has not the form of podexec's."""
    number = ids.incarnation_of(task_id)
    if number is None or not ids.is_own(task_id):
        return task_id
    return ids.executor_id(ids.instance_of(task_id), number)


def on_status_updated(turn: Turn, event: StatusUpdated) -> None:
    """Handle a status of a task that no record knows."""
    orphans = turn.world.volatile.orphans
    key = orphan_id(event.task_id)
    known = orphans.get(key)
    if event.condition.terminal or event.condition is Condition.UNKNOWN:
        if known is not None:
            _drop(turn, key, known, event.task_id)
    elif known is not None:
        others = tuple(each for each in known.tasks if each.task_id != event.task_id)
        if len(others) < _MOST_TASKS:
            tasks = tuple(sorted((*others, event), key=lambda each: each.task_id))
            orphans[key] = Orphan(event.agent_id or known.agent_id, known.since, tasks)
    elif event.condition in _ALIVE and event.agent_id is not None and len(orphans) < MOST_KEPT:
        orphans[key] = Orphan(event.agent_id, turn.now, (event,))
        turn.log(
            "warning",
            "unknown task is running, not touching it",
            task_id=event.task_id,
            agent_id=event.agent_id,
            orphan_id=key,
        )


def _drop(turn: Turn, key: str, known: Orphan, task_id: str) -> None:
    """Forget a task that has ended."""
    orphans = turn.world.volatile.orphans
    left = tuple(each for each in known.tasks if each.task_id != task_id)
    if left:
        orphans[key] = Orphan(known.agent_id, known.since, left)
    else:
        del orphans[key]
