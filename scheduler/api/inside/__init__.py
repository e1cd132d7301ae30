"""``/v2/pods/ID::logs``, ``::files``, ``::exec``, ``::archive``, ``::usage``: looking inside a pod's containers.

Every route goes through the guard: a permission, a line in the audit log, a limit on open streams.
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
    """The routes. They must precede those of pods, whose paths match anything."""
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
