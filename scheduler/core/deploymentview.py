"""A deployment as the API shows it: Marathon's members, and beside them what only podexec's deployments have."""

from scheduler.core import plans
from scheduler.core.deployments import waits_for
from scheduler.core.rollup import moment
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import Deployment


def deployment_view(world: World, deployment: Deployment) -> Json:
    """The deployment's JSON."""
    plan = plans.describe(deployment)
    return {
        "id": plan["id"],
        "version": plan["version"],
        "affectedApps": [],
        "affectedPods": sorted(change.pod_id for change in deployment.changes),
        "steps": plan["steps"],
        "currentActions": _current_actions(world, deployment),
        "currentStep": min(deployment.step, len(deployment.steps)),
        "totalSteps": len(deployment.steps),
        "paused": deployment.paused,
        **_extras(world, deployment),
    }


def _current_actions(world: World, deployment: Deployment) -> list[Json]:
    """What is being done now, and what it waits for before it begins."""
    actions = []
    for action, pod_id in plans.present_step(deployment):
        shown: Json = {"action": action.value, "pod": pod_id, "readinessCheckResults": []}
        if pod_id not in deployment.released:
            needed = waits_for(world, deployment, action, pod_id)
            if needed:
                shown["waitingFor"] = list(needed)
        actions.append(shown)
    return actions


def _extras(world: World, deployment: Deployment) -> Json:
    extras = {
        "deadline": None if deployment.deadline is None else moment(world.wall(deployment.deadline)),
        "secondsToDeadline": deployment.time_left,  # while it is paused
        "batchSize": deployment.batch_size,
        "reverts": deployment.reverts,
    }
    return {name: value for name, value in extras.items() if value is not None}
