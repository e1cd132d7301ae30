"""``/v2/leader``: the leader, and making it abdicate."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response
from scheduler.api.routes import routes


def leader_routes(leader: str, abdicate: Callable[[], None]) -> list[Route]:
    """The routes. ``leader``: ``host:port``; ``abdicate`` ends the process once pending requests are answered."""

    async def show(request: Request) -> Response:
        return json_response({"leader": leader})

    async def give_up(request: Request) -> Response:
        abdicate()
        return json_response({"message": "Leadership abdicated"})

    return [*routes("/v2/leader", show), *routes("/v2/leader", give_up, ["DELETE"])]
