"""``/v2/queue``: the launch queue, why its instances wait, and clearing a pod's back-off."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import viewable
from scheduler.api.errors import json_response
from scheduler.api.needs import by_handler, on_pod
from scheduler.api.requests import Requests, accepted, embedded, id_in_path, origin, wants_extras
from scheduler.api.routes import routes
from scheduler.api.turns import in_turn
from scheduler.core.events import DelayReset
from scheduler.core.views.queue import queue_view
from scheduler.core.world import World

_WITH_OFFERS = "lastUnusedOffers"


def queue_routes(requests: Requests, world: World, clock: Callable[[], float]) -> list[Route]:
    """The routes."""

    async def show(request: Request) -> Response:
        with_offers, extras = _WITH_OFFERS in embedded(request), wants_extras(request)
        shown = viewable(request)
        queue = queue_view(world, clock(), with_offers=with_offers, with_extras=extras, shown=shown)
        return json_response({"queue": queue})

    async def reset(request: Request, pod_id: str) -> Response:
        asked_for, whence = id_in_path(pod_id, "queue"), origin(request)
        note(request, pod_id=asked_for)
        await accepted(requests, lambda number: DelayReset(number, asked_for, whence))
        return Response(status_code=204)

    operate = on_pod(Permission.OPERATE, "queue")
    return [
        *routes("/v2/queue", in_turn(show), needs=by_handler),
        *routes("/v2/queue/{pod_id:path}/delay", reset, ["DELETE"], needs=operate),
    ]
