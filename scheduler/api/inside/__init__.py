"""``/v2/pods/ID::logs``, ``::files``, ``::exec``, ``::archive``, ``::usage``: what goes on inside a pod's containers.

Every route goes through the guard: one permission, one line in the audit log, one place among the bounded streams.
"""

from fastapi import APIRouter

from scheduler.api.inside.archive import Archive
from scheduler.api.inside.execution import Execution
from scheduler.api.inside.files import Files
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.logs import Logs
from scheduler.api.inside.usage import UsageOfPods
from scheduler.core.world import World
from scheduler.loop.inside import Inside


def router(world: World, inside: Inside, guard: Guard) -> APIRouter:
    """The routes. They go before those of the pods, whose ids may be anything."""
    routes = APIRouter(include_in_schema=False)
    for part in (
        Logs(world, inside, guard),
        Files(world, inside, guard),
        Archive(world, inside, guard),
        Execution(world, inside, guard),
        UsageOfPods(world, inside, guard),
    ):
        part.add_to(routes)
    return routes
