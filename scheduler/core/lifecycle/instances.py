"""The life of an instance: the table of goal and phase that says what to do next."""

from collections.abc import Callable
from dataclasses import replace

from scheduler.core import versions
from scheduler.core.facts import plans
from scheduler.core.facts.conditions import RANK, Phase, is_to_be_freed, phase
from scheduler.core.facts.waiting import between_launches, is_gone_for_good
from scheduler.core.lifecycle import backoff, instance_events, kept_volumes, kills, unreachable
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.records import Goal, Instance, Pod, TaskEnd, Termination


def advance(turn: Turn, instance_id: str) -> None:
    """Take the next step in the life of an instance, if it still exists."""
    instance = turn.world.instances.get(instance_id)
    if instance is None:
        return
    if _is_left_over(turn.world, instance):
        kills.decommission(turn, instance)
        return
    action = _ACTIONS[instance.goal, phase(instance)]
    if action is not None:
        action(turn, instance)


def _is_left_over(world: World, instance: Instance) -> bool:
    """Whether its pod is gone, and no deployment is to end it in its turn."""
    is_gone = instance.pod_id not in world.pods and instance.pod_id not in world.deploying
    return is_gone and instance.goal is not Goal.DECOMMISSIONED


def _await(turn: Turn, instance: Instance) -> None:
    if instance.pod_id not in turn.world.pods:
        kills.decommission(turn, instance)
    elif kept_volumes.is_unconfirmed(instance):
        kept_volumes.doubt(turn, instance)


def _let_live(turn: Turn, instance: Instance) -> None:
    if instance.inactive:
        turn.put(replace(instance, inactive=False))  # it is back; the surplus goes, be it this one or its substitute
    elif instance.killing:
        kills.kill(turn, instance)
    if kept_volumes.is_unconfirmed(instance):
        kept_volumes.prove(turn, turn.world.instances[instance.id])


def _let_end(turn: Turn, instance: Instance) -> None:
    if instance.killing:
        kills.kill(turn, instance)
    else:
        kills.expect_end(turn, instance)


def _relaunch(turn: Turn, instance: Instance) -> None:
    pod = turn.world.pods.get(instance.pod_id)
    kills.on_end(turn, instance)
    if pod is None:
        kills.decommission(turn, instance)
        return
    instance_events.publish_end(turn, instance)
    pod = _remember(turn, pod, instance)
    backoff.on_end(turn, instance)
    outdated = instance.config_version != pod.config_version
    replaced = outdated and plans.is_replacing(turn.world.deployment_of(pod.id), pod.id)
    if replaced and instance.reservation is None:
        kills.decommission(turn, instance)  # its place is taken by an instance of the new version
        return
    if kept_volumes.never_began(instance):
        kept_volumes.give_up(turn, instance)
        return
    stays_as_it_is = outdated and not replaced
    run = instance if stays_as_it_is else pod
    turn.put(between_launches(instance, run.version, run.config_version, turn.now))
    turn.demand_grew = True


def _remember(turn: Turn, pod: Pod, instance: Instance) -> Pod:
    """Keep how the incarnation ended, for the user who asks why it was relaunched."""
    cause = min(instance.tasks, key=lambda task: (RANK[task.condition], task.since))
    termination = Termination(
        instance_id=instance.id,
        started_at=min(task.started_at or task.staged_at for task in instance.tasks),
        terminated_at=max(task.since for task in instance.tasks),
        message=cause.message,
        tasks=tuple(TaskEnd(task.id, task.condition, task.message, task.detail) for task in instance.tasks),
    )
    kept = turn.world.settings.terminations_kept
    pod = replace(pod, terminations=(*pod.terminations, termination)[-kept:])
    turn.put(pod)
    return pod


def _rest(turn: Turn, instance: Instance) -> None:
    kills.on_end(turn, instance)


def _forget(turn: Turn, instance: Instance) -> None:
    kills.on_end(turn, instance)
    if is_to_be_freed(instance) and not is_gone_for_good(instance):
        kept_volumes.doubt(turn, instance)
        turn.demand_grew = True  # only in an offer can what is reserved be given back
        return
    instance_events.publish_end(turn, instance)
    kept_volumes.forget(turn, instance)
    turn.delete(instance)
    if instance.pod_id not in turn.world.pods and not turn.world.has_instances(instance.pod_id):
        turn.publish("app_terminated_event", appId=instance.pod_id)
        versions.purge(turn, instance.pod_id)


_ACTIONS: dict[tuple[Goal, Phase], Callable[[Turn, Instance], None] | None] = {
    (Goal.RUNNING, Phase.WAITING): _await,
    (Goal.RUNNING, Phase.ALIVE): _let_live,
    (Goal.RUNNING, Phase.UNREACHABLE): unreachable.consider,
    (Goal.RUNNING, Phase.ENDING): _let_end,
    (Goal.RUNNING, Phase.ENDED): _relaunch,
    (Goal.STOPPED, Phase.WAITING): None,
    (Goal.STOPPED, Phase.ALIVE): kills.kill,
    (Goal.STOPPED, Phase.UNREACHABLE): kills.wait,
    (Goal.STOPPED, Phase.ENDING): kills.kill,
    (Goal.STOPPED, Phase.ENDED): _rest,
    (Goal.DECOMMISSIONED, Phase.WAITING): _forget,
    (Goal.DECOMMISSIONED, Phase.ALIVE): kills.kill,
    (Goal.DECOMMISSIONED, Phase.UNREACHABLE): kills.wait,
    (Goal.DECOMMISSIONED, Phase.ENDING): kills.kill,
    (Goal.DECOMMISSIONED, Phase.ENDED): _forget,
}
