"""The plan of a deployment: its steps, and whether it may change a pod now.

The steps are Marathon's: removed pods are stopped, dependents before their dependencies; new pods are started; then
every pod is scaled or restarted, dependencies first.
"""

from collections.abc import Iterable, Mapping, Sequence

from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Action, Deployment

Steps = tuple[tuple[tuple[Action, str], ...], ...]


def steps(
    stopped: Mapping[str, PodDefinition],
    new: Mapping[str, PodDefinition],
    scaled: Mapping[str, PodDefinition],
    restarted: Mapping[str, PodDefinition],
) -> Steps:
    """The steps for pods given by id, with their definitions: the last one of stopped pods, else the new one."""
    changed = {**new, **scaled, **restarted}
    stops = [[(Action.STOP, pod_id) for pod_id in level] for level in reversed(levels(stopped))]
    starts = [[(Action.START, pod_id) for pod_id in new]]
    changes = [
        [(Action.RESTART if pod_id in restarted else Action.SCALE, pod_id) for pod_id in level]
        for level in levels(changed)
    ]
    return tuple(tuple(step) for step in (*stops, *starts, *changes) if step)


def levels(definitions: Mapping[str, PodDefinition]) -> Sequence[Sequence[str]]:
    """The pods in groups, dependencies first: each depends only on pods of earlier groups, or on none of these."""
    left = dict(definitions)
    found: list[list[str]] = []
    while left:
        free = [pod_id for pod_id, each in left.items() if left.keys().isdisjoint(each.dependencies)]
        free = free or list(left)  # cycles are rejected; if there were one, this loop must still end
        found.append(free)
        for pod_id in free:
            del left[pod_id]
    return found


def cycle(pod_id: str, dependencies: Iterable[str], others: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The cycle in which a pod would depend on itself; empty if there is none.

    ``others``: the dependencies of every other pod.
    """
    ways: list[tuple[str, ...]] = [(pod_id, each) for each in dependencies]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        if way[-1] == pod_id:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [(*way, each) for each in others.get(way[-1], ())]
    return ()


def current_step(deployment: Deployment) -> tuple[tuple[Action, str], ...]:
    """The actions of the current step."""
    return deployment.steps[deployment.step - 1] if deployment.step <= len(deployment.steps) else ()


def acts_on(deployment: Deployment, pod_id: str) -> bool:
    """Whether the deployment may start and end the pod's instances now: its action was released, and is not paused."""
    if deployment.paused or pod_id not in deployment.released:
        return False
    return any(pod == pod_id and action is not Action.START for action, pod in current_step(deployment))


def is_replacing(deployment: Deployment | None, pod_id: str) -> bool:
    """Whether outdated instances of a pod are being replaced. ``deployment``: the one that changes the pod."""
    return deployment is not None and acts_on(deployment, pod_id)


def describe(deployment: Deployment, version: str | None = None) -> Json:
    """The plan, as events and the API show it."""
    return {
        "id": deployment.id,
        "version": version or deployment.version,
        "steps": [
            {"actions": [{"action": action.value, "pod": pod_id} for action, pod_id in step]}
            for step in deployment.steps
        ],
    }
