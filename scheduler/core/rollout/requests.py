"""The handlers of users' requests about pods, instances and deployments. A refused request changes nothing."""

from collections.abc import Iterable
from typing import NamedTuple

from scheduler.core import versions
from scheduler.core.effects import Done, Killed, Refused, Reply, absent
from scheduler.core.events import (
    DelayReset,
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    GroupDeleted,
    InstancesKilled,
    Origin,
    PodDeleted,
    PodPosted,
    PodPut,
    PodRestarted,
    Rollout,
)
from scheduler.core.facts import plans
from scheduler.core.lifecycle import backoff, kills
from scheduler.core.queues import pod_of_queue, queue_of
from scheduler.core.rollout import admission, deployments, history, policies
from scheduler.core.rollout.id_clashes import CLASH, clash_of_return
from scheduler.core.rollout.intent import Intent, intended, intent_of_restart, is_as_defined, is_same
from scheduler.core.turn import Turn
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import parent_group
from scheduler.model.records import Deed, Deployment, Goal, Pod, PodChange
from scheduler.model.times import timestamp

_Warnings = tuple[tuple[str, str], ...] | None  # (path, message) of each


# ------------------------------------------------------------------------------ pods


def on_pod_posted(turn: Turn, event: PodPosted) -> None:
    """Create a pod."""
    if event.definition.id in turn.world.pods:
        message = f"An app/pod with this id already exists: {event.definition.id}. Update it with PUT."
        _refuse(turn, event.request, event.definition.id, Refused("exists", message))
        return
    accept(turn, event.request, event.definition, event.rollout, event.origin, "pod_created_event")


def on_pod_put(turn: Turn, event: PodPut) -> None:
    """Create a pod or change it; the same definition again changes nothing, unless the pod does not run it yet."""
    world = turn.world
    pod = world.pods.get(event.definition.id)
    if event.based_on and (pod is None or pod.version not in event.based_on):
        _refuse(turn, event.request, event.definition.id, _is_outdated(event.definition.id, pod))
        return
    if pod is not None:
        current = world.current(pod)
        if is_same(current, event.definition) and is_as_defined(world, pod):
            deployment = world.deployment_of(pod.id)
            if deployment is None:  # Marathon's answer names a deployment, whose end clients wait for
                turn.publish("pod_updated_event", [pod.id], clientIp=event.origin.client_ip, uri=event.origin.uri)
                same = PodChange(pod.id, (pod.version, pod.config_version), pod.version)
                deployment = deployments.begin(turn, [same], (), event.rollout)
            _answer(turn, event.request, Done(deployment.id, current, deployment.version))
            return
    accept(turn, event.request, event.definition, event.rollout, event.origin, "pod_updated_event")


def on_pod_restarted(turn: Turn, event: PodRestarted) -> None:
    """Replace the instances of a pod as an update would, by a new version of the same definition.

    Only a deployment can be in the way: what the pod runs already is not judged again.
    """
    world = turn.world
    pod = world.pods.get(event.pod_id)
    if pod is None:
        _answer(turn, event.request, absent("Pod", event.pod_id))
        return
    refusal = admission.refused_deployment(world, [pod.id], event.rollout)
    if refusal is not None:
        _refuse(turn, event.request, pod.id, refusal)
        return
    _cancel_conflicting(turn, [pod.id])
    asked = _Asked(Deed.RESTARTED, event.rollout, event.origin)
    _roll_out(turn, event.request, intent_of_restart(world, pod, turn.wall), asked)


def on_pod_deleted(turn: Turn, event: PodDeleted) -> None:
    """Remove the pod at once, and end its instances."""
    pod = turn.world.pods.get(event.pod_id)
    if pod is None:
        _answer(turn, event.request, absent("Pod", event.pod_id))
    else:
        _remove(turn, event.request, [pod], event.rollout, event.origin)


def on_group_deleted(turn: Turn, event: GroupDeleted) -> None:
    """Remove every pod of a group and of the groups in it, dependents before their dependencies."""
    pods = [turn.world.pods[pod_id] for pod_id in turn.world.pods_below(event.group_id)]
    if pods:
        _remove(turn, event.request, pods, event.rollout, event.origin)
    else:
        _answer(turn, event.request, absent("Group", event.group_id))


def accept(turn: Turn, request: int, asked: PodDefinition, rollout: Rollout, origin: Origin, event_type: str) -> bool:
    """Create a pod or change it, and answer; False: it is refused."""
    world = turn.world
    pod = world.pods.get(asked.id)
    found = admission.policy_findings(world, pod, asked)
    refusal = (
        admission.refused_definition(world, pod, asked)
        or admission.refused_by_policy(found)
        or admission.refused_deployment(world, [asked.id], rollout)
    )
    if refusal is not None:
        _refuse(turn, request, asked.id, refusal)
        return False
    _cancel_conflicting(turn, [asked.id])
    intent = intended(world, asked, turn.wall)
    policies.log_findings(turn, asked.id, found)
    deed = Deed.CREATED if pod is None else Deed.UPDATED
    warnings = tuple((each.path, each.error) for each in found) or None
    _roll_out(turn, request, intent, _Asked(deed, rollout, origin, event_type), warnings)
    return True


class _Asked(NamedTuple):
    """What a user asked of a pod, and how."""

    deed: Deed
    rollout: Rollout
    origin: Origin
    event_type: str = "pod_updated_event"


def _roll_out(turn: Turn, request: int, intent: Intent, asked: _Asked, warnings: _Warnings = None) -> None:
    """Store a definition, start its deployment, and answer."""
    before, after, definition = intent.before, intent.after, intent.definition
    if intent.is_new_version:  # otherwise a cancelled deployment is to be completed
        if before is None:
            versions.purge(turn, after.id)  # those of a removed pod: the new one has a history of its own
        turn.put(definition)
        turn.put(after)
    if after.config_version == definition.version:
        turn.world.queues.forget_delay(queue_of(after))
    turn.grow(queue_of(after))  # an offer that was refused may fit the new definition
    turn.log("info", f"pod {asked.deed}", pod_id=after.id, version=after.version)
    turn.publish(asked.event_type, [after.id], clientIp=asked.origin.client_ip, uri=asked.origin.uri)
    change = PodChange(after.id, None if before is None else (before.version, before.config_version), after.version)
    deployment = deployments.begin(turn, [change], intent.steps, asked.rollout)
    history.enter(turn, after.id, asked.deed, asked.origin, deployment.id)
    versions.purge(turn, after.id)
    _answer(turn, request, Done(deployment.id, definition, deployment.version, warnings))


def _remove(turn: Turn, request: int, pods: list[Pod], rollout: Rollout, origin: Origin) -> None:
    world = turn.world
    removed = {pod.id: world.current(pod) for pod in pods}
    refusal = admission.refused_removal(world, removed, rollout) or admission.refused_deployment(
        world, removed, rollout
    )
    if refusal is not None:
        _refuse(turn, request, pods[0].id, refusal)
        return
    _cancel_conflicting(turn, removed)
    for pod in pods:
        deployments.forget(turn, pod)
        turn.log("info", "pod removed", pod_id=pod.id)
        turn.publish("pod_deleted_event", [pod.id], clientIp=origin.client_ip, uri=origin.uri)
    changes = [PodChange(pod.id, (pod.version, pod.config_version), None) for pod in pods]
    deployment = deployments.begin(turn, changes, plans.steps(removed, {}, {}, {}), rollout)
    _answer(turn, request, Done(deployment.id, None, deployment.version))


# ------------------------------------------------------------------------- instances


def on_instances_killed(turn: Turn, event: InstancesKilled) -> None:
    """Kill instances of a pod: they are relaunched or, with ``wipe``, destroyed with their volumes and replaced."""
    world = turn.world
    if event.pod_id not in world.pods:
        _answer(turn, event.request, absent("Pod", event.pod_id))
        return
    found = tuple(
        instance
        for instance in map(world.instances.get, dict.fromkeys(event.instance_ids))
        if instance is not None and instance.pod_id == event.pod_id and instance.goal is not Goal.DECOMMISSIONED
    )
    by = f"by {event.origin.user}" if event.origin.user else "on request"
    for instance in found:
        turn.log("info", "instance killed on request", pod_id=instance.pod_id, instance_id=instance.id)
        if event.wipe:
            kills.decommission(turn, instance, f"{by}, with its volumes")
        elif instance.tasks:
            kills.restart(turn, instance, by)
    if found:
        history.enter(turn, event.pod_id, Deed.KILLED, event.origin)
    _answer(turn, event.request, Killed(found))


def on_delay_reset(turn: Turn, event: DelayReset) -> None:
    """Clear the launch back-off of a pod."""
    waiting = [queue for queue in turn.world.queues.waiting if pod_of_queue(queue) == event.pod_id]
    for queue in waiting:
        backoff.reset(turn, queue)
    if waiting:
        history.enter(turn, event.pod_id, Deed.DELAY_RESET, event.origin)
        _answer(turn, event.request, Done(""))
    else:
        _answer(turn, event.request, Refused("absent", f"Pod '{event.pod_id}' has no instances waiting to be launched"))


# ----------------------------------------------------------------------- deployments


def on_deployment_cancelled(turn: Turn, event: DeploymentCancelled) -> None:
    """Roll a deployment back (Marathon's DELETE) or, if forced, cancel it and keep the changes already made."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is None:
        return
    reason = clash_of_return(turn.world, deployment) if event.rollback else None
    if reason is not None:
        _answer(turn, event.request, admission.invalid(("/", CLASH), ("/", reason)))
    elif event.rollback:
        revert = deployments.rollback(turn, deployment, "rolled back on request")
        history.enter_all(turn, revert, Deed.ROLLED_BACK, event.origin)
        _answer(turn, event.request, Done(revert.id, None, revert.version))
    else:
        deployments.cancel(turn, deployment, "cancelled on request")
        history.enter_all(turn, deployment, Deed.CANCELLED, event.origin)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_paused(turn: Turn, event: DeploymentPaused) -> None:
    """Pause a deployment."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        if not deployment.paused:
            deployments.pause(turn, deployment)
            history.enter_all(turn, deployment, Deed.PAUSED, event.origin)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_resumed(turn: Turn, event: DeploymentResumed) -> None:
    """Resume a deployment."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        if deployment.paused:
            deployments.resume(turn, deployment)
            history.enter_all(turn, deployment, Deed.RESUMED, event.origin)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


# --------------------------------------------------------------------------- helpers


def _answer(turn: Turn, request: int, answer: Done | Killed | Refused) -> None:
    turn.emit(Reply(request, answer))


def _refuse(turn: Turn, request: int, pod_id: str, refusal: Refused) -> None:
    """Refuse a change of pods, and publish that."""
    group = parent_group(pod_id)
    turn.publish("group_change_failed", [pod_id], groupId=group, version=timestamp(turn.wall), reason=refusal.message)
    _answer(turn, request, refusal)


def _is_outdated(pod_id: str, pod: Pod | None) -> Refused:
    now = "does not exist" if pod is None else f"has version {pod.version} now"
    return Refused("outdated", f"Pod '{pod_id}' {now}, on which this change is not based: look at it again")


def _deployment(turn: Turn, request: int, deployment_id: str) -> Deployment | None:
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is None:
        _answer(turn, request, absent("Deployment", deployment_id))
    return deployment


def _cancel_conflicting(turn: Turn, pod_ids: Iterable[str]) -> None:
    for deployment in deployments.conflicting(turn.world, pod_ids):
        deployments.cancel(turn, deployment, "cancelled by a later change with force=true")
