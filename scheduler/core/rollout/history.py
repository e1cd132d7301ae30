"""The history of a pod: who asked for which change, and the deployment that made it.

It ends with the pod, and is for people who look at one pod. The audit log has everything, also of pods that are gone.
"""

from msgspec.structs import replace

from scheduler.core.events import Origin
from scheduler.core.turn import Turn
from scheduler.model.records import Deed, Deployment, HistoryEntry

MOST_ENTRIES = 20  # kept of each pod


def enter(turn: Turn, pod_id: str, deed: Deed, origin: Origin, deployment_id: str = "") -> None:
    """Enter a change of a pod, unless the pod is gone."""
    pod = turn.world.pods.get(pod_id)
    if pod is None:
        return
    entry = HistoryEntry(turn.now, deed, origin.user, origin.client_ip, pod.version, deployment_id)
    if entry.starts_deployment and deployment_id not in turn.world.deployments:  # it had nothing to do
        entry = replace(entry, ended_at=turn.now)
    turn.put(replace(pod, history=(*pod.history[1 - MOST_ENTRIES :], entry)))


def enter_all(turn: Turn, deployment: Deployment, deed: Deed, origin: Origin) -> None:
    """Enter a change of a deployment in the history of each of its pods."""
    for change in deployment.changes:
        enter(turn, change.pod_id, deed, origin, deployment.id)


def end(turn: Turn, deployment: Deployment, failure: str = "") -> None:
    """A deployment has ended: enter that in the history of its pods, where it was started by a user."""
    for change in deployment.changes:
        pod = turn.world.pods.get(change.pod_id)
        for place, each in enumerate(pod.history if pod is not None else ()):
            if pod is not None and each.deployment_id == deployment.id and each.starts_deployment:
                ended = replace(each, ended_at=turn.now, failure=failure)
                turn.put(replace(pod, history=(*pod.history[:place], ended, *pod.history[place + 1 :])))
                break
