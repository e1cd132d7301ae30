"""Changes of pods on their way: step after step, each until all its actions are done.

A deployment moves no instance itself. It says whose turn it is (``plans.acts_on``), and by the rosters it sees when
that is done; ``upgrade`` does the moving. So there is nothing to resume after a restart but to look again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scheduler.core import versions
from scheduler.core.events import Rollout
from scheduler.core.facts import plans
from scheduler.core.facts.roster import Bucket
from scheduler.core.lifecycle import kills
from scheduler.core.rollout.id_clashes import CLASH, clash_of_return
from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition
from scheduler.model.ids import parent_group
from scheduler.model.records import Action, Deployment, Goal, Pod, PodChange
from scheduler.model.times import timestamp

_THERE = (Bucket.READY, Bucket.UNREADY, Bucket.INACTIVE, Bucket.ENDING)


def begin(
    turn: Turn, changes: Sequence[PodChange], steps: plans.Steps, rollout: Rollout, *, reverts: str | None = None
) -> Deployment:
    """Set out to carry a change of pods out, which the world knows of already. Without steps it is done already."""
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
    for group in dict.fromkeys(map(parent_group, _pods(deployment))):
        turn.publish("group_change_success", groupId=group, version=deployment.version)
    if not steps:
        _succeed(turn, deployment)
        return deployment
    turn.log("info", "deployment begun", deployment_id=deployment.id, pods=", ".join(_pods(deployment)))
    turn.put(deployment)
    turn.publish("deployment_info", plan=plans.describe(deployment), currentStep=_step(deployment))
    return _begin_actions(turn, deployment)  # at once: no pod is to be held, even for a moment, that need not wait


def advance(turn: Turn, deployment_id: str) -> None:
    """Begin the actions whose turn has come, and go on to the next step when all of the present one are done."""
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is None or deployment.paused:
        return
    deployment = _begin_actions(turn, deployment)
    step = plans.current_step(deployment)
    if all(pod_id in deployment.released and _is_done(turn.world, action, pod_id) for action, pod_id in step):
        _next(turn, deployment)


def waits_for(world: World, deployment: Deployment, action: Action, pod_id: str) -> Sequence[str]:
    """The pods that must be as they are to be before the action may begin."""
    pod = world.pods.get(pod_id)
    if action in (Action.START, Action.STOP) or pod is None:
        return ()
    definition = world.current(pod)
    there = world.roster(pod_id).everyone(Bucket.READY, Bucket.UNREADY)
    if action is Action.SCALE and definition.scaling.instances <= there:
        return ()  # fewer need nobody
    return [each for each in definition.dependencies if not _is_settled(world, deployment, each)]


def in_the_way(world: World, pod_ids: Iterable[str]) -> list[Deployment]:
    """The deployments that change one of these pods now."""
    found = dict.fromkeys(world.deploying[pod_id] for pod_id in pod_ids if pod_id in world.deploying)
    return [world.deployments[each] for each in found]


def cancel(turn: Turn, deployment: Deployment, reason: str) -> None:
    """End a deployment as far as it has come. Of pods that it removes nothing stays."""
    _fail(turn, deployment, reason)
    for change in deployment.changes:
        turn.pods[change.pod_id] = None
        if change.after is None:
            turn.instances.update((each.id, None) for each in turn.world.instances_of(change.pod_id))


def roll_back(turn: Turn, deployment: Deployment, reason: str) -> Deployment:
    """End a deployment and begin one that makes what it changed as it was. What ran before is current again."""
    _fail(turn, deployment, reason)
    world = turn.world
    stopped: dict[str, PodDefinition] = {}
    new: dict[str, PodDefinition] = {}
    scaled: dict[str, PodDefinition] = {}
    restarted: dict[str, PodDefinition] = {}
    changes = []
    for change in deployment.changes:
        pod = world.pods.get(change.pod_id)
        present = None if pod is None else (pod.version, pod.config_version)
        if change.before is None:
            if pod is not None:
                stopped[pod.id] = world.current(pod)
                forget(turn, pod)
        else:
            version, config_version = change.before
            terminations = pod.terminations if pod is not None else ()
            turn.put(Pod(change.pod_id, version, config_version, terminations))
            kind = new if pod is None else scaled if pod.config_version == config_version else restarted
            kind[change.pod_id] = world.definition(change.pod_id, version)
        changes.append(PodChange(change.pod_id, present, change.before[0] if change.before else None))
    turn.demand_grew = True
    steps = plans.steps(stopped, new, scaled, restarted)
    return begin(turn, changes, steps, Rollout(batch_size=deployment.batch_size), reverts=deployment.id)


def forget(turn: Turn, pod: Pod) -> None:
    """The pod is asked for no more. What of it still waits for an offer goes at once, the rest in its turn."""
    turn.delete(pod)
    turn.instances.update((each.id, None) for each in turn.world.instances_of(pod.id))


def pause(turn: Turn, deployment: Deployment) -> None:
    """Replace nothing more until it is resumed; its deadline stands still."""
    if not deployment.paused:
        left = None if deployment.deadline is None else max(0.0, deployment.deadline - turn.now)
        turn.put(replace(deployment, paused=True, deadline=None, time_left=left))


def resume(turn: Turn, deployment: Deployment) -> None:
    """Go on."""
    if deployment.paused:
        deadline = None if deployment.time_left is None else turn.now + deployment.time_left
        turn.put(replace(deployment, paused=False, deadline=deadline, time_left=None))
        turn.pods.update(dict.fromkeys(_pods(deployment)))


def on_overdue(turn: Turn, deployment_id: str) -> None:
    """A deadline has come: what is not done by now is rolled back, if that can be."""
    deployment = turn.world.deployments.get(deployment_id)
    if deployment is not None and deployment.deadline is not None and deployment.deadline <= turn.now:
        reason = clash_of_return(turn.world, deployment)
        if reason is None:
            roll_back(turn, deployment, "not done by its deadline: rolled back")
        else:
            cancel(turn, deployment, f"not done by its deadline, and not rolled back: {CLASH} {reason}")


def _fail(turn: Turn, deployment: Deployment, reason: str) -> None:
    turn.log("warning", "deployment cancelled", deployment_id=deployment.id, reason=reason)
    turn.publish("deployment_step_failure", plan=plans.describe(deployment), currentStep=_step(deployment))
    turn.publish("deployment_failed", id=deployment.id, plan=plans.describe(deployment), reason=reason)
    turn.delete(deployment)


def _begin_actions(turn: Turn, deployment: Deployment) -> Deployment:
    """Begin every action of the present step that waits for nothing."""
    for action, pod_id in plans.current_step(deployment):
        if pod_id not in deployment.released and not waits_for(turn.world, deployment, action, pod_id):
            deployment = _release(turn, deployment, action, pod_id)
    return deployment


def _release(turn: Turn, deployment: Deployment, action: Action, pod_id: str) -> Deployment:
    """Begin an action."""
    if action is Action.STOP:
        for instance in turn.world.instances_of(pod_id):
            if instance.goal is not Goal.DECOMMISSIONED:
                kills.decommission(turn, instance)
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
    """Whether a pod that others depend on is as it is to be."""
    pod = world.pods.get(pod_id)
    if pod is None or world.deploying.get(pod_id, deployment.id) != deployment.id:
        return False
    return world.roster(pod_id).everyone(Bucket.READY) >= world.current(pod).scaling.instances


def _next(turn: Turn, deployment: Deployment) -> None:
    turn.publish("deployment_step_success", plan=plans.describe(deployment), currentStep=_step(deployment))
    if deployment.step < len(deployment.steps):
        following = replace(deployment, step=deployment.step + 1, released=())
        turn.put(following)
        turn.publish("deployment_info", plan=plans.describe(following), currentStep=_step(following))
    else:
        turn.delete(deployment)
        _succeed(turn, deployment)


def _succeed(turn: Turn, deployment: Deployment) -> None:
    turn.log("info", "deployment done", deployment_id=deployment.id)
    turn.publish("deployment_success", id=deployment.id, plan=plans.describe(deployment))
    for pod_id in _pods(deployment):
        versions.purge(turn, pod_id)
        turn.pods[pod_id] = None


def _step(deployment: Deployment) -> Mapping[str, object]:
    actions = [{"action": action.value, "pod": pod_id} for action, pod_id in plans.current_step(deployment)]
    return {"actions": actions}


def _pods(deployment: Deployment) -> list[str]:
    return [change.pod_id for change in deployment.changes]
