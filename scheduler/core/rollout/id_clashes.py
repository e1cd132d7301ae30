"""Id clashes: a pod and a group must not have the same id, which would be ambiguous.

A store of an earlier podexec may contain both; they are kept, and can be changed and removed.
"""

from scheduler.core.world import World
from scheduler.model.ids import same_as_a_group
from scheduler.model.records import Deployment

CLASH = "Groups and Pods may not have the same identifier."  # Marathon's message


def clash(world: World, pod_id: str) -> str | None:
    """Why a new pod cannot have this id; None: it can."""
    return same_as_a_group(pod_id, world.pods, world.groups)


def clash_of_return(world: World, deployment: Deployment) -> str | None:
    """Why a pod that a deployment removed cannot be restored under its id; None: it can."""
    removed = [change.pod_id for change in deployment.changes if change.before and change.pod_id not in world.pods]
    return next((reason for pod_id in removed if (reason := clash(world, pod_id)) is not None), None)
