"""``/v2/pods/ID::logs``, ``::files``, ``::exec``, ``::archive``, ``::usage``: looking inside a pod's containers.

Every route goes through the guard: a permission, a line in the audit log, a limit on open streams.
"""

from starlette.routing import BaseRoute

from scheduler.api.inside.archive import Archive
from scheduler.api.inside.execution import Execution
from scheduler.api.inside.files import Files
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.logs import Logs
from scheduler.api.inside.usage import UsageOfPods
from scheduler.core.world import World
from scheduler.loop.inside import Inside


def inside_routes(world: World, inside: Inside, guard: Guard) -> list[BaseRoute]:
    """The routes. They must precede those of pods, whose paths match anything."""
    return [
        *Logs(world, inside, guard).routes(),
        *Files(world, inside, guard).routes(),
        *Archive(world, inside, guard).routes(),
        *Execution(world, inside, guard).routes(),
        *UsageOfPods(world, inside, guard).routes(),
    ]
