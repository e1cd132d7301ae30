"""``/v2/leader``: the leader, and making it abdicate.

With several schedulers another one leads then, and the process continues as a standby; otherwise it ends.
"""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import ApiError, json_response
from scheduler.api.leadership import Leadership, place_of
from scheduler.api.needs import any_caller, everywhere
from scheduler.api.routes import routes


def leader_routes(leadership: Leadership, abdicate: Callable[[], None]) -> list[Route]:
    """The routes. ``abdicate`` gives up the lead."""

    async def show(request: Request) -> Response:
        leader = leadership.leader
        if leader is None:
            raise ApiError(404, {"message": "There is no leader"})
        return json_response({"leader": place_of(leader)})

    async def give_up(request: Request) -> Response:
        abdicate()
        return json_response({"message": "Leadership abdicated"})

    return [
        *routes("/v2/leader", show, needs=any_caller),
        *routes("/v2/leader", give_up, ["DELETE"], needs=everywhere(Permission.ADMIN)),
    ]
