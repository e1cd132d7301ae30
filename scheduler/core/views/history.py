"""A pod's history as the API shows it."""

from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.records import HistoryEntry, Pod
from scheduler.model.times import timestamp


def history_view(world: World, pod: Pod) -> list[Json]:
    """The last changes of a pod that users asked for, newest last."""
    return [
        {
            "at": timestamp(world.wall(each.at)),
            "action": each.deed.value,
            "version": each.version,
            **({"user": each.user} if each.user else {}),
            **({"clientIp": each.client_ip} if each.client_ip else {}),
            **({"deploymentId": each.deployment_id} if each.deployment_id else {}),
            **_outcome(world, each),
        }
        for each in pod.history
    ]


def _outcome(world: World, entry: HistoryEntry) -> Json:
    """What became of the deployment that the change started; nothing if it started none, or that is not known."""
    if entry.ended_at is None:
        return {"outcome": "running"} if entry.starts_deployment and entry.deployment_id in world.deployments else {}
    ended = {"outcome": "failed" if entry.failure else "finished", "endedAt": timestamp(world.wall(entry.ended_at))}
    return ended | ({"failure": entry.failure} if entry.failure else {})
