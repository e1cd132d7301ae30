"""``/v2/queue``: the launch queue, why its instances wait, and clearing a pod's back-off."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from scheduler.api.errors import json_response
from scheduler.api.requests import READING, Requests, accepted, embedded, id_in_path, wants_extras
from scheduler.core.events import DelayReset
from scheduler.core.views.queue import queue_view
from scheduler.core.world import World

_WITH_OFFERS = "lastUnusedOffers"


def router(requests: Requests, world: World, clock: Callable[[], float]) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    async def show(request: Request) -> Response:
        with_offers, extras = _WITH_OFFERS in embedded(request), wants_extras(request)
        return json_response({"queue": queue_view(world, clock(), with_offers=with_offers, with_extras=extras)})

    async def reset(pod_id: str) -> Response:
        asked_for = id_in_path(pod_id, "queue")
        await accepted(requests, lambda number: DelayReset(number, asked_for))
        return Response(status_code=204)

    for slash in ("", "/"):
        routes.add_api_route(f"/v2/queue{slash}", show, methods=READING)
        routes.add_api_route(f"/v2/queue/{{pod_id:path}}/delay{slash}", reset, methods=["DELETE"])
    return routes
