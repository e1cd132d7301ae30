"""A deployment as the API shows it."""

from itertools import islice

from scheduler.core.facts import plans
from scheduler.core.rollout.deployments import waits_for
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.views.extras import extras
from scheduler.core.views.pod_status import ending_message
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Deployment, Goal
from scheduler.model.times import timestamp

_MOST_ENDING = 20  # shown; of thousands it matters little which


def any_deployment_view(world: World, deployment: Deployment, *, with_extras: bool = False) -> Json:
    """Like ``deployment_view``, for a list: a deployment that cannot be shown is shown as such."""
    steps = len(deployment.steps)
    instead = {
        "id": deployment.id,
        "affectedApps": [],
        "affectedPods": [],
        "steps": [],
        "currentActions": [],
        "currentStep": min(deployment.step, steps),
        "totalSteps": steps,
        "message": MESSAGE,
    }
    return entry(world, deployment.id, lambda: deployment_view(world, deployment, with_extras=with_extras), instead)


def deployment_view(world: World, deployment: Deployment, *, with_extras: bool = False) -> Json:
    """The deployment's JSON; ``with_extras``: including podexec's own members."""
    plan = plans.describe(deployment)
    return {
        "id": plan["id"],
        "version": plan["version"],
        "affectedApps": [],
        "affectedPods": sorted(change.pod_id for change in deployment.changes),
        "steps": plan["steps"],
        "currentActions": _current_actions(world, deployment, with_extras),
        "currentStep": min(deployment.step, len(deployment.steps)),
        "totalSteps": len(deployment.steps),
        **extras(
            asked=with_extras,
            paused=deployment.paused,
            deadline=None if deployment.deadline is None else timestamp(world.wall(deployment.deadline)),
            secondsToDeadline=deployment.time_left,  # while it is paused
            batchSize=deployment.batch_size,
            reverts=deployment.reverts,
        ),
    }


def _current_actions(world: World, deployment: Deployment, with_extras: bool) -> list[Json]:
    """The actions of the current step, and what they wait for."""
    actions = []
    for action, pod_id in plans.current_step(deployment):
        shown: Json = {"action": action.value, "pod": pod_id, "readinessCheckResults": []}
        needed = () if pod_id in deployment.released else waits_for(world, deployment, action, pod_id)
        more = extras(
            asked=with_extras,
            waitingFor=list(needed) or None,
            ending=_ending(world, pod_id) or None,
            notEnding=_not_ending(world, pod_id) or None,
        )
        actions.append(shown | more)
    return actions


def _ending(world: World, pod_id: str) -> list[Json]:
    """The first instances of a pod that are to end and have not yet."""
    ending = (each for each in world.instances_of(pod_id) if each.goal is Goal.DECOMMISSIONED)
    return [
        {"instance": each.id} | ({} if each.agent is None else {"agent": each.agent.hostname})
        for each in islice(ending, _MOST_ENDING)
    ]


def _not_ending(world: World, pod_id: str) -> list[Json]:
    """The pod's instances that have not ended although they were killed more than once."""
    killed = [world.instances[key] for key in world.volatile.kills if key in world.instances]
    messages = [
        (each.id, ending_message(world, each, world.definition(pod_id, each.version)))
        for each in killed
        if each.pod_id == pod_id
    ]
    return [{"id": instance_id, "message": message} for instance_id, message in messages if message is not None]
