"""What users ask of pods, instances and deployments. A refused request changes nothing."""

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core import versions
from scheduler.core.effects import Done, Killed, Refused, Reply
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
from scheduler.core.launch import sizes
from scheduler.core.lifecycle import backoff, kills
from scheduler.core.offer import isolators
from scheduler.core.rollout import deployments
from scheduler.core.rollout.id_clashes import CLASH, clash, clash_of_return
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.base import Model
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import parent_group
from scheduler.model.records import Deployment, Goal, Pod, PodChange
from scheduler.model.rules import broken_update, only_scales_down
from scheduler.model.times import timestamp

_INVALID = "Object is not valid"
# A change of these alone applies to later launches and restarts nothing.
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
    """Create a pod or change it; the same definition again changes nothing that is as defined."""
    world = turn.world
    pod = world.pods.get(event.definition.id)
    if pod is not None:
        present = world.current(pod)
        if present == event.definition.model_copy(update={"version": present.version}) and _is_as_defined(world, pod):
            deployment = world.deployment_of(pod.id)
            if deployment is None:  # Marathon's answer names a deployment, and whoever waits for that hears of its end
                turn.publish("pod_updated_event", clientIp=event.origin.client_ip, uri=event.origin.uri)
                same = PodChange(pod.id, (pod.version, pod.config_version), pod.version)
                deployment = deployments.begin(turn, [same], (), event.rollout)
            _answer(turn, event.request, Done(deployment.id, present, deployment.version))
            return
    _accept(turn, event.request, event.definition, event.rollout, event.origin, "pod_updated_event")


def on_pod_deleted(turn: Turn, event: PodDeleted) -> None:
    """Forget the pod at once and end its instances."""
    pod = turn.world.pods.get(event.pod_id)
    if pod is None:
        _answer(turn, event.request, Refused("absent", f"Pod '{event.pod_id}' does not exist"))
    else:
        _remove(turn, event.request, [pod], event.rollout, event.origin)


def on_group_deleted(turn: Turn, event: GroupDeleted) -> None:
    """Remove every pod of a group and of the groups in it, dependents before what they depend on."""
    below = event.group_id.rstrip("/") + "/"
    pods = [pod for pod in turn.world.pods.values() if pod.id.startswith(below)]
    if pods:
        _remove(turn, event.request, pods, event.rollout, event.origin)
    else:
        _answer(turn, event.request, Refused("absent", f"Group '{event.group_id}' does not exist"))


def _accept(turn: Turn, request: int, asked: PodDefinition, rollout: Rollout, origin: Origin, told_as: str) -> None:
    world = turn.world
    pod = world.pods.get(asked.id)
    refusal = _wrong_with(world, pod, asked) or _in_the_way(world, [asked.id], rollout)
    if refusal is not None:
        _refuse(turn, request, asked.id, refusal)
        return
    _clear_the_way(turn, [asked.id])
    present = world.current(pod) if pod is not None else None
    unchanged = present is not None and present == asked.model_copy(update={"version": present.version})
    if pod is not None and present is not None and unchanged:  # asked again where a deployment was left half done
        definition, after = present, pod
    else:
        definition = asked.model_copy(update={"version": versions.following(world, asked.id, turn.wall)})
        if pod is None:
            versions.purge(turn, asked.id)  # of one that was removed: the new one has a history of its own
        after = _changed(pod, present, definition)
        turn.put(definition)
        turn.put(after)
    if after.config_version == definition.version:
        turn.world.queues.forget_delay(f"{after.id}@{after.config_version}")
    turn.demand_grew = True  # an offer that was refused may fit the new definition
    turn.log("info", "pod created" if pod is None else "pod updated", pod_id=asked.id, version=after.version)
    turn.publish(told_as, clientIp=origin.client_ip, uri=origin.uri)
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
    """What has to be done for a pod to be as defined; nothing where only later launches are concerned."""
    only = {after.id: definition}
    if before is None:
        return plans.steps({}, only, {}, {})
    if definition.scaling.instances and not _is_current(world, after):
        return plans.steps({}, {}, {}, only)
    there = world.roster(after.id).everyone(Bucket.READY, Bucket.UNREADY)
    return plans.steps({}, {}, only, {}) if there != definition.scaling.instances else ()


def _remove(turn: Turn, request: int, pods: list[Pod], rollout: Rollout, origin: Origin) -> None:
    world = turn.world
    going = {pod.id: world.current(pod) for pod in pods}
    refusal = _needed(world, going.keys(), rollout) or _in_the_way(world, going, rollout)
    if refusal is not None:
        _refuse(turn, request, pods[0].id, refusal)
        return
    _clear_the_way(turn, going)
    for pod in pods:
        deployments.forget(turn, pod)
        turn.log("info", "pod removed", pod_id=pod.id)
        turn.publish("pod_deleted_event", clientIp=origin.client_ip, uri=origin.uri)
    changes = [PodChange(pod.id, (pod.version, pod.config_version), None) for pod in pods]
    deployment = deployments.begin(turn, changes, plans.steps(going, {}, {}, {}), rollout)
    _answer(turn, request, Done(deployment.id, None, deployment.version))


# ------------------------------------------------------------------------- instances


def on_instances_killed(turn: Turn, event: InstancesKilled) -> None:
    """Kill instances of a pod, to be launched again, or, wiped, to be replaced by others."""
    world = turn.world
    if event.pod_id not in world.pods:
        _answer(turn, event.request, Refused("absent", f"Pod '{event.pod_id}' does not exist"))
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
    """Launch what waits of a pod without waiting for its back-off."""
    waiting = [queue for queue in turn.world.queues.waiting if queue.rpartition("@")[0] == event.pod_id]
    for queue in waiting:
        backoff.reset(turn, queue)
    if waiting:
        _answer(turn, event.request, Done(""))
    else:
        _answer(turn, event.request, Refused("absent", f"Nothing of '{event.pod_id}' waits to be launched"))


# ----------------------------------------------------------------------- deployments


def on_deployment_cancelled(turn: Turn, event: DeploymentCancelled) -> None:
    """End a deployment before it is done: roll it back, or leave it as far as it has come."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is None:
        return
    reason = clash_of_return(turn.world, deployment) if event.rollback else None
    if reason is not None:
        _answer(turn, event.request, Refused("invalid", _INVALID, (("/", CLASH), ("/", reason))))
    elif event.rollback:
        revert = deployments.roll_back(turn, deployment, "rolled back on request")
        _answer(turn, event.request, Done(revert.id, None, revert.version))
    else:
        deployments.cancel(turn, deployment, "stopped on request")
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_paused(turn: Turn, event: DeploymentPaused) -> None:
    """Hold a deployment."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        deployments.pause(turn, deployment)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


def on_deployment_resumed(turn: Turn, event: DeploymentResumed) -> None:
    """Let a deployment go on."""
    deployment = _deployment(turn, event.request, event.deployment_id)
    if deployment is not None:
        deployments.resume(turn, deployment)
        _answer(turn, event.request, Done(deployment.id, None, deployment.version))


# --------------------------------------------------------------------------- helpers


def _answer(turn: Turn, request: int, answer: Done | Killed | Refused) -> None:
    turn.emit(Reply(request, answer))


def _refuse(turn: Turn, request: int, pod_id: str, refusal: Refused) -> None:
    """Refuse a change of pods."""
    group = parent_group(pod_id)
    turn.publish("group_change_failed", groupId=group, version=timestamp(turn.wall), reason=refusal.message)
    _answer(turn, request, refusal)


def _deployment(turn: Turn, request: int, deployment_id: str) -> Deployment | None:
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is None:
        _answer(turn, request, Refused("absent", f"Deployment '{deployment_id}' does not exist"))
    return deployment


def _wrong_with(world: World, pod: Pod | None, asked: PodDefinition) -> Refused | None:
    """What speaks against a definition that is valid in itself; nothing does where it only asks for fewer instances."""
    if pod is not None and only_scales_down(world.current(pod), asked):
        return None
    problems = isolators.problems(world.volatile.isolators.values(), asked) + _without_owner(world, asked)
    problems += sizes.problems(world.settings, asked)
    if pod is None:
        problems += _same_as_a_group(world, asked.id)
    else:
        problems += tuple((each.path, each.error) for each in broken_update(world.current(pod), asked))
    problems += _wrong_dependencies(world, asked)
    return Refused("invalid", _INVALID, problems) if problems else None


def _without_owner(world: World, asked: PodDefinition) -> tuple[tuple[str, str], ...]:
    if world.settings.principal is not None:
        return ()
    return tuple(
        (
            f"/volumes({index})/persistent",
            "persistent volumes need a principal to belong to: start the scheduler with "
            "--mesos-authentication-principal (Mesos lets no framework change it that is registered already)",
        )
        for index, volume in enumerate(asked.volumes)
        if volume.persistent is not None
    )


def _same_as_a_group(world: World, pod_id: str) -> tuple[tuple[str, str], ...]:
    reason = clash(world, pod_id)
    return () if reason is None else (("/id", CLASH), ("/id", reason))


def _wrong_dependencies(world: World, asked: PodDefinition) -> tuple[tuple[str, str], ...]:
    if not asked.dependencies:
        return ()
    absent = tuple(
        (f"/dependencies({index})", f"there is no pod {each}: create it first")
        for index, each in enumerate(asked.dependencies)
        if each not in world.pods and each != asked.id
    )
    others = {pod.id: world.current(pod).dependencies for pod in world.pods.values()}
    circle = plans.circle(asked.id, asked.dependencies, others)
    return (*absent, *((("/dependencies", f"pods depend on each other: {' -> '.join(circle)}"),) if circle else ()))


def _needed(world: World, going: Iterable[str], rollout: Rollout) -> Refused | None:
    """Whether pods that stay depend on some that would go."""
    going = set(going)
    if rollout.force:
        return None
    for pod_id in sorted(going):
        dependents = sorted(world.dependents(pod_id) - going)
        if dependents:
            message = f"Pod '{pod_id}' is needed by {', '.join(dependents)}: remove them first, or use force=true"
            return Refused("needed", message)
    return None


def _in_the_way(world: World, pod_ids: Iterable[str], rollout: Rollout) -> Refused | None:
    """Whether other deployments forbid one of these pods now."""
    conflicts = deployments.in_the_way(world, pod_ids)
    if conflicts and not rollout.force:
        names = tuple(each.id for each in conflicts)
        message = f"App is locked by one or more deployments: {', '.join(names)}. Override with force=true."
        return Refused("locked", message, deployments=names)
    most = world.settings.max_running_deployments
    if len(world.deployments) - len(conflicts) >= most:
        message = (
            f"{most} deployments are running, and no more are allowed: wait, or cancel one (DELETE /v2/deployments/ID)"
        )
        return Refused("busy", message)
    return None


def _clear_the_way(turn: Turn, pod_ids: Iterable[str]) -> None:
    for deployment in deployments.in_the_way(turn.world, pod_ids):
        deployments.cancel(turn, deployment, "cancelled by a later change that was forced")


def _is_as_defined(world: World, pod: Pod) -> bool:
    """Whether the pod comes, or is, to run as defined: otherwise asking again is worth a deployment."""
    return pod.id in world.deploying or _is_current(world, pod)


def _is_current(world: World, pod: Pod) -> bool:
    return world.roster(pod.id).outdated(pod.config_version, Bucket.READY, Bucket.UNREADY) == 0


def _restarts(before: PodDefinition, after: PodDefinition) -> bool:
    """Whether running instances have to be replaced to be as defined."""
    return _differ(before, after, _NOT_RESTARTING) or _differ(
        before.scheduling, after.scheduling, _SCHEDULING_NOT_RESTARTING
    )


def _differ(before: Model, after: Model, apart_from: frozenset[str]) -> bool:
    return any(
        getattr(before, name) != getattr(after, name) for name in type(before).model_fields if name not in apart_from
    )
