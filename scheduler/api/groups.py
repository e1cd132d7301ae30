"""``/v2/groups``: pods by their paths, and removing all of a path. Groups themselves are neither made nor changed."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from scheduler.api.deployments import started
from scheduler.api.errors import ApiError, json_response
from scheduler.api.requests import READING, Requests, accepted, embedded, id_in_path, origin, rollout, wants_extras
from scheduler.core.events import GroupDeleted
from scheduler.core.extras import KEY
from scheduler.core.groups import PARTS, group_view
from scheduler.core.world import World


class Groups:
    """The groups' routes over a world to read and a shell to ask."""

    def __init__(self, requests: Requests, world: World, clock: Callable[[], float]) -> None:
        self._requests = requests
        self._world = world
        self._clock = clock

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/v2/groups", self.root, methods=READING)
        router.add_api_route("/v2/groups/{group_id:path}", self.show, methods=READING)
        router.add_api_route("/v2/groups/{group_id:path}", self.delete, methods=["DELETE"])
        return router

    async def root(self, request: Request) -> Response:
        """The group that holds all others."""
        return await self.show("/", request)

    async def show(self, group_id: str, request: Request) -> Response:
        """One group with its pods and the groups in it; ``embed`` names what to show, by default all."""
        asked_for = id_in_path(group_id, "groups")
        parts = [each for each in embedded(request) if each != KEY] or PARTS
        view = group_view(self._world, asked_for, self._clock(), parts, with_extras=wants_extras(request))
        if view is None:
            raise ApiError(404, {"message": f"Group '{asked_for}' does not exist", "details": []})
        return json_response(view)

    async def delete(self, group_id: str, request: Request) -> Response:
        """Remove every pod of the group, and of those in it."""
        asked_for, how, whence = id_in_path(group_id, "groups"), rollout(request), origin(request)
        if asked_for == "/":
            message = "Not every pod there is can be removed at once: name a group, /v2/groups/ID"
            raise ApiError(405, {"message": message})
        return started(await accepted(self._requests, lambda number: GroupDeleted(number, asked_for, how, whence)))
