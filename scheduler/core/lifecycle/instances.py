"""The lifecycle of an instance: a table of goal and phase with the next action."""

from collections.abc import Callable

from msgspec.structs import replace

from scheduler.core import versions
from scheduler.core.facts import plans
from scheduler.core.facts.between_launches import between_launches, is_gone_for_good
from scheduler.core.facts.conditions import RANK, Phase, is_to_be_freed, phase
from scheduler.core.facts.story import end
from scheduler.core.frame import definition_key
from scheduler.core.lifecycle import backoff, instance_events, kept_volumes, kills, unreachable
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.records import Goal, Instance, Pod, TaskEnd, Termination

_REMOVED = "the pod was removed"


def advance(turn: Turn, instance_id: str) -> None:
    """Advance an instance towards its goal, if it still exists."""
    instance = turn.world.instances.get(instance_id)
    if instance is None:
        return
    if _is_left_over(turn.world, instance):
        kills.decommission(turn, instance, _REMOVED)
        return
    action = _ACTIONS[instance.goal, phase(instance)]
    if action is not None:
        action(turn, instance)


def _is_left_over(world: World, instance: Instance) -> bool:
    """Whether its pod was removed, and no deployment is going to end it."""
    is_gone = instance.pod_id not in world.pods and instance.pod_id not in world.deploying
    return is_gone and instance.goal is not Goal.DECOMMISSIONED


def _wait_for_offer(turn: Turn, instance: Instance) -> None:
    if instance.pod_id not in turn.world.pods:
        kills.decommission(turn, instance, _REMOVED)
    elif kept_volumes.is_unconfirmed(instance):
        kept_volumes.doubt(turn, instance)


def _keep_running(turn: Turn, instance: Instance) -> None:
    if instance.inactive:
        turn.put(replace(instance, inactive=False))  # it is back; it or its replacement is ended as surplus
    elif instance.killing:
        kills.kill(turn, instance)
    if kept_volumes.is_unconfirmed(instance):
        kept_volumes.prove(turn, turn.world.instances[instance.id])


def _finish_ending(turn: Turn, instance: Instance) -> None:
    if instance.killing:
        kills.kill(turn, instance)
    else:
        kills.expect_end(turn, instance)


def _relaunch(turn: Turn, instance: Instance) -> None:
    pod = turn.world.pods.get(instance.pod_id)
    kills.on_end(turn, instance)
    if pod is None:
        kills.decommission(turn, instance, _REMOVED)
        return
    instance_events.publish_end(turn, instance)
    pod = _remember(turn, pod, instance)
    backoff.on_end(turn, instance)
    outdated = instance.config_version != pod.config_version
    replaced = outdated and plans.is_replacing(turn.world.deployment_of(pod.id), pod.id)
    if replaced and instance.reservation is None:
        kills.decommission(turn, instance, "replaced by an update")  # an instance of the new version takes its place
        return
    if kept_volumes.never_began(instance):
        kept_volumes.give_up(turn, instance)
        return
    stays_as_it_is = outdated and not replaced
    run = instance if stays_as_it_is else pod
    waiting = between_launches(instance, run.version, run.config_version, turn.now)
    turn.ended(pod.id, replace(waiting.story[-1], about=instance.id, times=1, first=None))
    turn.put(waiting)
    turn.grow(definition_key(instance.pod_id, run.config_version))


def _remember(turn: Turn, pod: Pod, instance: Instance) -> Pod:
    """Keep the end of the incarnation in the pod's history, for users who ask why it was relaunched."""
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


def _stay_stopped(turn: Turn, instance: Instance) -> None:
    kills.on_end(turn, instance)


def _forget(turn: Turn, instance: Instance) -> None:
    kills.on_end(turn, instance)
    if is_to_be_freed(instance) and not is_gone_for_good(instance):
        kept_volumes.doubt(turn, instance)
        turn.grow()  # a reservation can only be released in an offer
        return
    instance_events.publish_end(turn, instance)
    if instance.tasks:
        turn.ended(instance.pod_id, end(instance, turn.now, about=instance.id))
    kept_volumes.forget(turn, instance)
    turn.delete(instance)
    if instance.pod_id not in turn.world.pods and not turn.world.has_instances(instance.pod_id):
        turn.publish("app_terminated_event", appId=instance.pod_id)
        versions.purge(turn, instance.pod_id)


_ACTIONS: dict[tuple[Goal, Phase], Callable[[Turn, Instance], None] | None] = {
    (Goal.RUNNING, Phase.WAITING): _wait_for_offer,
    (Goal.RUNNING, Phase.ALIVE): _keep_running,
    (Goal.RUNNING, Phase.UNREACHABLE): unreachable.consider,
    (Goal.RUNNING, Phase.ENDING): _finish_ending,
    (Goal.RUNNING, Phase.ENDED): _relaunch,
    (Goal.STOPPED, Phase.WAITING): None,
    (Goal.STOPPED, Phase.ALIVE): kills.kill,
    (Goal.STOPPED, Phase.UNREACHABLE): kills.wait_for_agent,
    (Goal.STOPPED, Phase.ENDING): kills.kill,
    (Goal.STOPPED, Phase.ENDED): _stay_stopped,
    (Goal.DECOMMISSIONED, Phase.WAITING): _forget,
    (Goal.DECOMMISSIONED, Phase.ALIVE): kills.kill,
    (Goal.DECOMMISSIONED, Phase.UNREACHABLE): kills.wait_for_agent,
    (Goal.DECOMMISSIONED, Phase.ENDING): kills.kill,
    (Goal.DECOMMISSIONED, Phase.ENDED): _forget,
}
