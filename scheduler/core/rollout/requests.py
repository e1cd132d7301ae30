"""The handlers of users' requests about pods, instances and deployments. A refused request changes nothing."""

from collections.abc import Iterable

from msgspec.structs import replace

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
    Rollout,
)
from scheduler.core.facts import plans
from scheduler.core.facts.roster import Bucket
from scheduler.core.lifecycle import backoff, kills
from scheduler.core.rollout import admission, deployments
from scheduler.core.rollout.id_clashes import CLASH, clash_of_return
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.base import Model
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import parent_group
from scheduler.model.records import Deployment, Goal, Pod, PodChange
from scheduler.model.times import timestamp

# A change of only these applies to later launches and restarts nothing.
_NOT_RESTARTING = frozenset(
    {"version", "scaling", "scheduling", "executor_resources", "legacy_shared_cgroups", "dependencies"}
)
_SCHEDULING_NOT_RESTARTING = frozenset({"kill_selection", "unreachable_strategy"})


# ------------------------------------------------------------------------------ pods


def on_pod_posted(turn: Turn, event: PodPosted) -> None:
    """Create a pod."""
    if event.definition.id in turn.world.pods:
        message = f"An app/pod with this id already exists: {event.definition.id}. Update it with PUT."
        _refuse(turn, event.request, event.definition.id, Refused("exists", message))
        return
    _accept(turn, event.request, event.definition, event.rollout, event.origin, "pod_created_event")


def on_pod_put(turn: Turn, event: PodPut) -> None:
    """Create a pod or change it; the same definition again changes nothing, unless the pod does not run it yet."""
    world = turn.world
    pod = world.pods.get(event.definition.id)
    if pod is not None:
        current = world.current(pod)
        if current == event.definition.model_copy(update={"version": current.version}) and _is_as_defined(world, pod):
            deployment = world.deployment_of(pod.id)
            if deployment is None:  # Marathon's answer names a deployment, whose end clients wait for
                turn.publish("pod_updated_event", clientIp=event.origin.client_ip, uri=event.origin.uri)
                same = PodChange(pod.id, (pod.version, pod.config_version), pod.version)
                deployment = deployments.begin(turn, [same], (), event.rollout)
            _answer(turn, event.request, Done(deployment.id, current, deployment.version))
            return
    _accept(turn, event.request, event.definition, event.rollout, event.origin, "pod_updated_event")


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


def _accept(turn: Turn, request: int, asked: PodDefinition, rollout: Rollout, origin: Origin, event_type: str) -> None:
    world = turn.world
    pod = world.pods.get(asked.id)
    refusal = admission.refused_definition(world, pod, asked) or admission.refused_deployment(
        world, [asked.id], rollout
    )
    if refusal is not None:
        _refuse(turn, request, asked.id, refusal)
        return
    _cancel_conflicting(turn, [asked.id])
    current = world.current(pod) if pod is not None else None
    unchanged = current is not None and current == asked.model_copy(update={"version": current.version})
    if pod is not None and current is not None and unchanged:  # a cancelled deployment is to be completed
        definition, after = current, pod
    else:
        definition = asked.model_copy(update={"version": versions.following(world, asked.id, turn.wall)})
        if pod is None:
            versions.purge(turn, asked.id)  # those of a removed pod: the new one has a history of its own
        after = _changed(pod, current, definition)
        turn.put(definition)
        turn.put(after)
    if after.config_version == definition.version:
        turn.world.queues.forget_delay(f"{after.id}@{after.config_version}")
    turn.demand_grew = True  # an offer that was refused may fit the new definition
    turn.log("info", "pod created" if pod is None else "pod updated", pod_id=asked.id, version=after.version)
    turn.publish(event_type, clientIp=origin.client_ip, uri=origin.uri)
    change = PodChange(asked.id, None if pod is None else (pod.version, pod.config_version), after.version)
    deployment = deployments.begin(turn, [change], _steps(world, pod, after, definition), rollout)
    versions.purge(turn, asked.id)
    _answer(turn, request, Done(deployment.id, definition, deployment.version))


def _changed(pod: Pod | None, before: PodDefinition | None, after: PodDefinition) -> Pod:
    version = after.version or ""
    if pod is None or before is None:
        return Pod(id=after.id, version=version, config_version=version)
    restarts = _restarts(before, after)
    return replace(pod, version=version, config_version=version if restarts else pod.config_version)


def _steps(world: World, before: Pod | None, after: Pod, definition: PodDefinition) -> plans.Steps:
    """The steps until a pod runs as defined; none if the change affects only later launches."""
    only = {after.id: definition}
    if before is None:
        return plans.steps({}, only, {}, {})
    if definition.scaling.instances and not _is_current(world, after):
        return plans.steps({}, {}, {}, only)
    there = world.roster(after.id).everyone(Bucket.READY, Bucket.UNREADY)
    return plans.steps({}, {}, only, {}) if there != definition.scaling.instances else ()


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
        turn.publish("pod_deleted_event", clientIp=origin.client_ip, uri=origin.uri)
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
    for instance in found:
        turn.log("info", "instance killed on request", pod_id=instance.pod_id, instance_id=instance.id)
        if event.wipe:
            kills.decommission(turn, instance)
        elif instance.tasks:
            kills.restart(turn, instance)
    _answer(turn, event.request, Killed(found))


def on_delay_reset(turn: Turn, event: DelayReset) -> None:
    """Clear the launch back-off of a pod."""
    waiting = [queue for queue in turn.world.queues.waiting if queue.rpartition("@")[0] == event.pod_id]
    for queue in waiting:
        backoff.reset(turn, queue)
    if waiting:
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
        _answer(turn, event.request, Done(revert.id, None, revert.version))
    else:
        deployments.cancel(turn, deployment, "cancelled on request")
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_paused(turn: Turn, event: DeploymentPaused) -> None:
    """Pause a deployment."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        deployments.pause(turn, deployment)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_resumed(turn: Turn, event: DeploymentResumed) -> None:
    """Resume a deployment."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        deployments.resume(turn, deployment)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


# --------------------------------------------------------------------------- helpers


def _answer(turn: Turn, request: int, answer: Done | Killed | Refused) -> None:
    turn.emit(Reply(request, answer))


def _refuse(turn: Turn, request: int, pod_id: str, refusal: Refused) -> None:
    """Refuse a change of pods, and publish that."""
    group = parent_group(pod_id)
    turn.publish("group_change_failed", groupId=group, version=timestamp(turn.wall), reason=refusal.message)
    _answer(turn, request, refusal)


def _deployment(turn: Turn, request: int, deployment_id: str) -> Deployment | None:
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is None:
        _answer(turn, request, absent("Deployment", deployment_id))
    return deployment


def _cancel_conflicting(turn: Turn, pod_ids: Iterable[str]) -> None:
    for deployment in deployments.conflicting(turn.world, pod_ids):
        deployments.cancel(turn, deployment, "cancelled by a later change with force=true")


def _is_as_defined(world: World, pod: Pod) -> bool:
    """Whether the pod runs as defined, or a deployment is changing it; otherwise the same request starts one."""
    return pod.id in world.deploying or _is_current(world, pod)


def _is_current(world: World, pod: Pod) -> bool:
    return world.roster(pod.id).outdated(pod.config_version, Bucket.READY, Bucket.UNREADY) == 0


def _restarts(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether running instances must be replaced to run as defined."""
    return _differ(before, after, _NOT_RESTARTING) or _differ(
        before.scheduling, after.scheduling, _SCHEDULING_NOT_RESTARTING
    )


def _differ(before: Model, after: Model, apart_from: frozenset[str]) -> bool:
    return any(
        getattr(before, name) != getattr(after, name) for name in type(before).model_fields if name not in apart_from
    )
