"""``/v2/groups``: pods by path, and removing all pods below a path. Groups cannot be created or changed."""

from collections.abc import Callable, Collection

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.grants import BELOW
from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import require, viewable
from scheduler.api.deployments import require_override, started
from scheduler.api.errors import ApiError, json_response, not_found
from scheduler.api.needs import by_handler
from scheduler.api.requests import Requests, accepted, embedded, id_in_path, origin, rollout, wants_extras
from scheduler.api.routes import route, routes
from scheduler.api.turns import in_turn
from scheduler.api.versions import canonical_version
from scheduler.core.events import GroupDeleted
from scheduler.core.views.extras import KEY
from scheduler.core.views.groups import PARTS, group_versions, group_view
from scheduler.core.world import World


class Groups:
    """The routes of groups."""

    def __init__(self, requests: Requests, world: World, clock: Callable[[], float]) -> None:
        self._requests = requests
        self._world = world
        self._clock = clock

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            route("/v2/groups", in_turn(self.root), needs=by_handler),
            *routes("/v2/groups/versions", in_turn(self.root_versions), needs=by_handler),
            *routes("/v2/groups/versions/{version}", in_turn(self.root_version), needs=by_handler),
            *routes("/v2/groups/{group_id:path}/versions", in_turn(self.versions), needs=by_handler),
            *routes("/v2/groups/{group_id:path}/versions/{version}", in_turn(self.version), needs=by_handler),
            route("/v2/groups/{group_id:path}", in_turn(self.show), needs=by_handler),
            route("/v2/groups/{group_id:path}", self.delete, ["DELETE"], needs=by_handler),
        ]

    async def root(self, request: Request) -> Response:
        """The root group, which contains all others."""
        return await self.show(request, "/")

    async def show(self, request: Request, group_id: str) -> Response:
        """One group with its pods and groups; ``embed`` selects the parts to show, by default all."""
        asked_for = id_in_path(group_id, "groups")
        view = group_view(
            self._world,
            asked_for,
            self._clock(),
            _parts(request),
            with_extras=wants_extras(request),
            shown=viewable(request),
        )
        if view is None:
            raise not_found("Group", asked_for)
        return json_response(view)

    async def root_versions(self, request: Request) -> Response:
        """The kept versions of the root group."""
        return await self.versions(request, "/")

    async def root_version(self, request: Request, version: str) -> Response:
        """The root group with the pods of a version."""
        return await self.version(request, "/", version)

    async def versions(self, request: Request, group_id: str) -> Response:
        """The kept versions of a group."""
        asked_for = id_in_path(group_id, "groups")
        found = group_versions(self._world, asked_for, viewable(request))
        if not found:
            raise not_found("Group", asked_for)
        return json_response(found)

    async def version(self, request: Request, group_id: str, version: str) -> Response:
        """A group with those of its pods that existed at a version, as they are now."""
        asked_for, at = id_in_path(group_id, "groups"), canonical_version(version)
        shown = viewable(request)
        view = group_view(
            self._world,
            asked_for,
            self._clock(),
            _parts(request),
            at=at,
            with_extras=wants_extras(request),
            shown=shown,
        )
        if at not in group_versions(self._world, "/", shown) or view is None:
            raise ApiError(404, {"message": f"Group '{asked_for}' in version {at} does not exist", "details": []})
        return json_response(view)

    async def delete(self, request: Request, group_id: str) -> Response:
        """Remove every pod of the group and of the groups in it."""
        asked_for, how, whence = id_in_path(group_id, "groups"), rollout(request), origin(request)
        note(request, group_id=asked_for)
        if asked_for == "/":
            message = "Removing all pods at once is not possible: name a group, /v2/groups/ID"
            raise ApiError(405, {"message": message})
        require(request, Permission.OPERATE, asked_for + BELOW)  # also of pods that come below it until it is removed
        require_override(request, self._world, self._world.pods_below(asked_for), how)
        return started(await accepted(self._requests, lambda number: GroupDeleted(number, asked_for, how, whence)))


def _parts(request: Request) -> Collection[str]:
    return [each for each in embedded(request) if each != KEY] or PARTS
