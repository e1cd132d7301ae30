"""The life of an instance: the table of goal and phase that says what to do next."""

from collections.abc import Callable
from dataclasses import replace

from scheduler.core import backoff, kills, upgrade
from scheduler.core.conditions import RANK, Phase, phase
from scheduler.core.turn import Turn
from scheduler.model.records import Condition, Goal, Instance, Task, TaskEnd, Termination

_FAILURES = frozenset({Condition.ERROR, Condition.FAILED, Condition.GONE, Condition.DROPPED, Condition.FINISHED})


def converge(turn: Turn) -> None:
    """Bring the touched pods nearer to what is wanted of them, until nothing more follows at this time."""
    while turn.touched:
        pod_id = next(iter(turn.touched))
        del turn.touched[pod_id]
        for instance in turn.world.instances_of(pod_id):
            action = _ACTIONS[instance.goal, phase(instance)]
            if action is not None:
                action(turn, instance)
        if pod_id in turn.world.pods:
            upgrade.advance(turn, turn.world.pods[pod_id])


def _relaunch(turn: Turn, instance: Instance) -> None:
    pod = turn.world.pods[instance.pod_id]
    _remember(turn, instance)
    kills.settled(turn, instance)
    if instance.version < pod.config_version:
        kills.decommission(turn, instance)  # its place is taken by an instance of the new version
        return
    if any(_counts_as_failure(task) for task in instance.tasks):
        backoff.failed(turn, instance.pod_id)
    turn.put(
        replace(instance, version=pod.version, since=turn.now, agent=None, executor_id=None, tasks=(), host_ports=())
    )
    turn.demand_grew = True


def _counts_as_failure(task: Task) -> bool:
    never_started = task.started_at is None and task.condition in (Condition.GONE, Condition.DROPPED)
    return task.condition in _FAILURES and not never_started


def _remember(turn: Turn, instance: Instance) -> None:
    """Keep how the incarnation ended, for the user who asks why it was relaunched."""
    pod = turn.world.pods[instance.pod_id]
    cause = min(instance.tasks, key=lambda task: (RANK[task.condition], task.since))
    termination = Termination(
        instance_id=instance.id,
        started_at=min(task.started_at or task.staged_at for task in instance.tasks),
        terminated_at=max(task.since for task in instance.tasks),
        message=cause.message,
        tasks=tuple(TaskEnd(task.id, task.condition, task.message) for task in instance.tasks),
    )
    kept = turn.world.settings.terminations_kept
    turn.put(replace(pod, terminations=(*pod.terminations, termination)[-kept:]))


def _forget(turn: Turn, instance: Instance) -> None:
    kills.settled(turn, instance)
    turn.delete(instance)


_ACTIONS: dict[tuple[Goal, Phase], Callable[[Turn, Instance], None] | None] = {
    (Goal.RUNNING, Phase.WAITING): None,
    (Goal.RUNNING, Phase.ALIVE): None,
    (Goal.RUNNING, Phase.ENDING): kills.expect_end,
    (Goal.RUNNING, Phase.ENDED): _relaunch,
    (Goal.DECOMMISSIONED, Phase.WAITING): _forget,
    (Goal.DECOMMISSIONED, Phase.ALIVE): kills.kill,
    (Goal.DECOMMISSIONED, Phase.ENDING): kills.kill,
    (Goal.DECOMMISSIONED, Phase.ENDED): _forget,
}
