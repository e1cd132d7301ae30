"""The versions of definitions: how they are numbered, and which may be deleted."""

from scheduler.core.turn import Turn
from scheduler.core.world import World
from scheduler.model.times import later, timestamp


def following(world: World, pod_id: str, wall: float) -> str:
    """The version of a definition accepted at this wall time; always later than all earlier ones of the pod."""
    known = world.versions(pod_id)
    return max(timestamp(wall), later(known[-1])) if known else timestamp(wall)


def purge(turn: Turn, pod_id: str) -> None:
    """Delete versions that are too old, or whose pod was removed, unless an instance or a rollback needs them."""
    world = turn.world
    known = world.versions(pod_id)
    pod = world.pods.get(pod_id)
    kept = world.settings.versions_kept if pod is not None else 0
    old = known[:-kept] if kept else known
    if not old:
        return
    instances = world.instances_of(pod_id)
    used = {each.version for each in instances} | {each.ended.version for each in instances if each.ended}
    deployment = world.deployment_of(pod_id)
    if pod is not None:
        used.add(pod.version)
    if deployment is not None:
        used |= {change.before[0] for change in deployment.changes if change.pod_id == pod_id and change.before}
    for version in old:
        if version not in used:
            turn.delete(world.definition(pod_id, version))
