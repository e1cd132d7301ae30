"""``/v2/orphans``: running tasks that no record knows are listed, adopted as instances of a pod, or killed."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.grants import EVERYWHERE
from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import require, viewable
from scheduler.api.errors import json_response, not_found
from scheduler.api.needs import by_handler
from scheduler.api.pods import Pods, shown
from scheduler.api.requests import Requests, accepted, origin
from scheduler.api.routes import route, routes
from scheduler.api.turns import in_turn
from scheduler.core.events import OrphanAdopted, OrphanKilled, Rollout
from scheduler.core.views.orphans import orphans_view, pod_of
from scheduler.core.world import World


def orphan_routes(requests: Requests, world: World, pods: Pods) -> Iterable[Route]:
    """The routes. What podexec cannot have launched is of no pod: only those with rights on all pods see or kill it."""

    async def index(request: Request) -> Response:
        return json_response({"orphans": orphans_view(world, viewable(request))})

    async def adopt(request: Request, orphan_id: str) -> Response:
        whence = origin(request)
        _require(request, world, orphan_id, Permission.VIEW)
        definition, warnings = await pods.definition(request)
        note(request, pod_id=definition.id, orphan_id=orphan_id)
        require(request, Permission.OPERATE, definition.id)
        pods.require_others(request, definition, Rollout())
        done = await accepted(requests, lambda number: OrphanAdopted(number, orphan_id, definition, whence))
        return shown(done, 200, warnings, {})

    async def kill(request: Request, orphan_id: str) -> Response:
        whence = origin(request)
        pod_id = _require(request, world, orphan_id, Permission.OPERATE)
        note(request, orphan_id=orphan_id, **({} if pod_id is None else {"pod_id": pod_id}))
        await accepted(requests, lambda number: OrphanKilled(number, orphan_id, whence))
        return Response(status_code=204)

    return [
        *routes("/v2/orphans", in_turn(index), needs=by_handler),
        route("/v2/orphans/{orphan_id:path}", adopt, ["PUT"], needs=by_handler),
        route("/v2/orphans/{orphan_id:path}", kill, ["DELETE"], needs=by_handler),
    ]


def _require(request: Request, world: World, orphan_id: str, permission: Permission) -> str | None:
    """The pod of an orphan, if it has one. Raises ApiError if there is none, or the caller lacks the permission on it.

    To callers who may not view it, it does not exist.
    """
    orphan = world.volatile.orphans.get(orphan_id)
    pod_id = None if orphan is None else pod_of(orphan)
    may_view = viewable(request)
    if orphan is None or (may_view is not None and (pod_id is None or not may_view(pod_id))):
        raise not_found("Orphan", orphan_id)
    require(request, permission, EVERYWHERE if pod_id is None else pod_id)
    return pod_id
