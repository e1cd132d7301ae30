"""Deployments: carry out changes of pods step by step; a step ends when all its actions are done.

A deployment neither starts nor ends instances of a pod that stays: it releases the pods of its current step, on which
``upgrade`` then acts, and reads from the rosters when they are done. So a restart needs nothing but another look.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from scheduler.core import versions
from scheduler.core.events import Rollout
from scheduler.core.facts import plans
from scheduler.core.facts.roster import Bucket
from scheduler.core.lifecycle import kills
from scheduler.core.queues import queue_of
from scheduler.core.rollout import history, policies
from scheduler.core.rollout.id_clashes import CLASH, clash_of_return
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import parent_group
from scheduler.model.records import Action, Deployment, Goal, Pod, PodChange
from scheduler.model.times import timestamp

_REMOVED = "the pod was removed"
_THERE = (Bucket.READY, Bucket.UNREADY, Bucket.INACTIVE, Bucket.ENDING)


def begin(
    turn: Turn, changes: Sequence[PodChange], steps: plans.Steps, rollout: Rollout, *, reverts: str | None = None
) -> Deployment:
    """Start a deployment for a change that is already in the world. Without steps it ends at once."""
    world = turn.world
    deployment = Deployment(
        id=world.new_uuid(),
        version=timestamp(turn.wall),
        created_at=turn.now,
        changes=tuple(changes),
        steps=steps,
        batch_size=rollout.batch_size,
        deadline=None if rollout.deadline is None else turn.now + rollout.deadline,
        reverts=reverts,
    )
    groups: dict[str, list[str]] = {}
    for pod_id in _pods(deployment):
        groups.setdefault(parent_group(pod_id), []).append(pod_id)
    for group, pod_ids in groups.items():
        turn.publish("group_change_success", pod_ids, groupId=group, version=deployment.version)
    if not steps:
        _succeed(turn, deployment)
        return deployment
    turn.log("info", "deployment started", deployment_id=deployment.id, pods=", ".join(_pods(deployment)))
    turn.put(deployment)
    _publish_step(turn, "deployment_info", deployment)
    return _release_ready(turn, deployment)  # at once: a pod that waits for nothing must not be held for a moment


def advance(turn: Turn, deployment_id: str) -> None:
    """Release the actions that no longer wait, and continue with the next step when all of the current one are done."""
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is None or deployment.paused:
        return
    deployment = _release_ready(turn, deployment)
    step = plans.current_step(deployment)
    if all(pod_id in deployment.released and _is_done(turn.world, action, pod_id) for action, pod_id in step):
        _next(turn, deployment)


def waits_for(world: World, deployment: Deployment, action: Action, pod_id: str) -> Sequence[str]:
    """The dependencies that must be ready before the action may start."""
    pod = world.pods.get(pod_id)
    if action in (Action.START, Action.STOP) or pod is None:
        return ()
    definition = world.current(pod)
    there = world.roster(pod_id).everyone(Bucket.READY, Bucket.UNREADY)
    if action is Action.SCALE and definition.scaling.instances <= there:
        return ()  # scaling down needs no dependencies
    return [each for each in definition.dependencies if not _is_settled(world, deployment, each)]


def conflicting(world: World, pod_ids: Iterable[str]) -> list[Deployment]:
    """The running deployments that change one of these pods."""
    found = dict.fromkeys(world.deploying[pod_id] for pod_id in pod_ids if pod_id in world.deploying)
    return [world.deployments[each] for each in found]


def cancel(turn: Turn, deployment: Deployment, reason: str) -> None:
    """Cancel a deployment. Changes already made are kept; pods that it removes are removed completely."""
    _fail(turn, deployment, reason)
    for change in deployment.changes:
        turn.pods[change.pod_id] = None
        if change.pod_id not in turn.world.pods and change.pod_id not in turn.world.deploying:
            for instance in turn.world.instances_of(change.pod_id):  # at once: no record says any more that they end
                if instance.goal is not Goal.DECOMMISSIONED:
                    kills.decommission(turn, instance, _REMOVED)


def rollback(turn: Turn, deployment: Deployment, reason: str) -> Deployment:
    """Cancel a deployment and start one that restores the previous version of its pods."""
    _fail(turn, deployment, reason)
    world = turn.world
    stopped: dict[str, PodDefinition] = {}
    new: dict[str, PodDefinition] = {}
    scaled: dict[str, PodDefinition] = {}
    restarted: dict[str, PodDefinition] = {}
    changes = []
    for change in deployment.changes:
        pod = world.pods.get(change.pod_id)
        current = None if pod is None else (pod.version, pod.config_version)
        if change.before is None:
            if pod is not None:
                stopped[pod.id] = world.current(pod)
                forget(turn, pod)
        else:
            version, config_version = change.before
            restored = replace(
                pod or Pod(change.pod_id, version, config_version), version=version, config_version=config_version
            )
            definition = world.definition(change.pod_id, version)
            policies.log_findings(turn, change.pod_id, policies.findings(world, pod, definition))
            turn.put(restored)
            turn.grow(queue_of(restored))
            kind = new if pod is None else scaled if pod.config_version == config_version else restarted
            kind[change.pod_id] = definition
        changes.append(PodChange(change.pod_id, current, change.before[0] if change.before else None))
    turn.grow()
    steps = plans.steps(stopped, new, scaled, restarted)
    return begin(turn, changes, steps, Rollout(batch_size=deployment.batch_size), reverts=deployment.id)


def forget(turn: Turn, pod: Pod) -> None:
    """Remove a pod. Its waiting instances are deleted at once, the others when the deployment ends them."""
    turn.delete(pod)
    turn.instances.update((each.id, None) for each in turn.world.instances_of(pod.id))


def pause(turn: Turn, deployment: Deployment) -> None:
    """Pause a deployment. Its deadline is suspended as well."""
    left = None if deployment.deadline is None else max(0.0, deployment.deadline - turn.now)
    turn.put(replace(deployment, paused=True, deadline=None, time_left=left))


def resume(turn: Turn, deployment: Deployment) -> None:
    """Resume a paused deployment."""
    deadline = None if deployment.time_left is None else turn.now + deployment.time_left
    turn.put(replace(deployment, paused=False, deadline=deadline, time_left=None))
    turn.pods.update(dict.fromkeys(_pods(deployment)))


def on_overdue(turn: Turn, deployment_id: str) -> None:
    """Roll back a deployment that has not finished by its deadline, if that is possible."""
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is not None and deployment.deadline is not None and deployment.deadline <= turn.now:
        reason = clash_of_return(turn.world, deployment)
        if reason is None:
            rollback(turn, deployment, "not finished by its deadline, rolled back")
        else:
            cancel(turn, deployment, f"not finished by its deadline, and cannot be rolled back: {CLASH} {reason}")


def _fail(turn: Turn, deployment: Deployment, reason: str) -> None:
    turn.log("warning", "deployment cancelled", deployment_id=deployment.id, reason=reason)
    _publish_step(turn, "deployment_step_failure", deployment)
    turn.publish(
        "deployment_failed", _pods(deployment), id=deployment.id, plan=plans.describe(deployment), reason=reason
    )
    turn.delete(deployment)
    history.end(turn, deployment, reason)


def _release_ready(turn: Turn, deployment: Deployment) -> Deployment:
    """Release every action of the current step that waits for nothing."""
    for action, pod_id in plans.current_step(deployment):
        if pod_id not in deployment.released and not waits_for(turn.world, deployment, action, pod_id):
            deployment = _release(turn, deployment, action, pod_id)
    return deployment


def _release(turn: Turn, deployment: Deployment, action: Action, pod_id: str) -> Deployment:
    """Release an action: from now on the pod's instances may be started and ended."""
    if action is Action.STOP:
        for instance in turn.world.instances_of(pod_id):
            if instance.goal is not Goal.DECOMMISSIONED:
                kills.decommission(turn, instance, _REMOVED)
    deployment = replace(deployment, released=(*deployment.released, pod_id))
    turn.put(deployment)
    turn.pods[pod_id] = None
    return deployment


def _is_done(world: World, action: Action, pod_id: str) -> bool:
    roster, pod = world.roster(pod_id), world.pods.get(pod_id)
    if action is Action.START:
        return True
    if action is Action.STOP or pod is None:
        return roster.everyone(*_THERE) == 0
    wanted, current = world.current(pod).scaling.instances, pod.config_version
    return (
        roster.current(current, Bucket.READY) == wanted
        and roster.current(current, Bucket.UNREADY) == 0
        and roster.outdated(current, Bucket.READY, Bucket.UNREADY) == 0
        and roster.everyone(Bucket.ENDING) == 0
    )


def _is_settled(world: World, deployment: Deployment, pod_id: str) -> bool:
    """Whether a dependency has all its instances ready, and is not being changed by another deployment."""
    pod = world.pods.get(pod_id)
    if pod is None or world.deploying.get(pod_id, deployment.id) != deployment.id:
        return False
    return world.roster(pod_id).everyone(Bucket.READY) >= world.current(pod).scaling.instances


def _next(turn: Turn, deployment: Deployment) -> None:
    _publish_step(turn, "deployment_step_success", deployment)
    if deployment.step < len(deployment.steps):
        following = replace(deployment, step=deployment.step + 1, released=())
        turn.put(following)
        _publish_step(turn, "deployment_info", following)
    else:
        turn.delete(deployment)
        _succeed(turn, deployment)


def _succeed(turn: Turn, deployment: Deployment) -> None:
    turn.log("info", "deployment finished", deployment_id=deployment.id)
    history.end(turn, deployment)
    turn.publish("deployment_success", _pods(deployment), id=deployment.id, plan=plans.describe(deployment))
    for pod_id in _pods(deployment):
        versions.purge(turn, pod_id)
        turn.pods[pod_id] = None


def _publish_step(turn: Turn, kind: str, deployment: Deployment) -> None:
    turn.publish(kind, _pods(deployment), plan=plans.describe(deployment), currentStep=_step(deployment))


def _step(deployment: Deployment) -> Mapping[str, object]:
    actions = [{"action": action.value, "pod": pod_id} for action, pod_id in plans.current_step(deployment)]
    return {"actions": actions}


def _pods(deployment: Deployment) -> list[str]:
    return [change.pod_id for change in deployment.changes]
