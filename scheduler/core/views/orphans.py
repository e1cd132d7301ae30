"""Orphans as the API shows them."""

from collections.abc import Callable
from functools import partial

from scheduler.core import ids
from scheduler.core.lifecycle.arrival import agent_of
from scheduler.core.views.entries import MESSAGE, entry
from scheduler.core.volatile import Orphan
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.times import timestamp


def pod_of(orphan: Orphan) -> str | None:
    """The pod of which an orphan was launched; None: podexec cannot have launched it."""
    first = orphan.tasks[0].task_id
    return ids.pod_of(ids.instance_of(first)) if ids.is_own(first) else None


def orphans_view(world: World, shown: Callable[[str], bool] | None) -> list[Json]:
    """The orphans, oldest first. ``shown``: of which pods; None: all, and those of no pod."""
    return [
        entry(world, f"orphan {key}", partial(_shown, world, key, orphan), {"id": key, "message": MESSAGE})
        for key, orphan in world.volatile.orphans.items()
        if shown is None or ((pod_id := pod_of(orphan)) is not None and shown(pod_id))
    ]


def _shown(world: World, orphan_id: str, orphan: Orphan) -> Json:
    pod_id = pod_of(orphan)
    agent = agent_of(world, orphan.agent_id)
    return {
        "id": orphan_id,
        "podId": pod_id,
        "instanceId": None if pod_id is None else ids.instance_of(orphan.tasks[0].task_id),
        "agentId": agent.id,
        "agentHostname": agent.hostname,
        "since": timestamp(world.wall(orphan.since)),
        "tasks": [
            {
                "id": each.task_id,
                "container": None if pod_id is None else ids.container_of(each.task_id),
                "condition": each.condition.value,
            }
            for each in orphan.tasks
        ],
    }
