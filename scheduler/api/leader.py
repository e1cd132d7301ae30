"""``/v2/leader``: the leader, and making it abdicate."""

from collections.abc import Callable

from fastapi import APIRouter, Response

from scheduler.api.errors import json_response
from scheduler.api.requests import READING


def router(leader: str, abdicate: Callable[[], None]) -> APIRouter:
    """The routes. ``leader``: ``host:port``; ``abdicate`` ends the process once pending requests are answered."""
    routes = APIRouter(include_in_schema=False)

    async def show() -> Response:
        return json_response({"leader": leader})

    async def give_up() -> Response:
        abdicate()
        return json_response({"message": "Leadership abdicated"})

    for slash in ("", "/"):
        routes.add_api_route(f"/v2/leader{slash}", show, methods=READING)
        routes.add_api_route(f"/v2/leader{slash}", give_up, methods=["DELETE"])
    return routes
