"""``/v2/pods/ID::versions``: the kept versions of a pod's definition. A version is the time of acceptance."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import ApiError, json_response
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import routes
from scheduler.core.frame import definition_key
from scheduler.core.world import World
from scheduler.model.definition import render
from scheduler.model.times import written


def version_routes(world: World) -> list[Route]:
    """The routes. They must precede those of pods, whose paths match anything."""

    async def index(request: Request, pod_id: str) -> Response:
        pod = existing_pod(world, pod_id)
        return json_response(world.versions(pod.id))

    async def show(request: Request, pod_id: str, version: str) -> Response:
        canonical = canonical_version(version)
        pod = existing_pod(world, pod_id)
        definition = world.definitions.get(definition_key(pod.id, canonical))
        if definition is None:
            message = f"Version '{canonical}' of pod '{pod.id}' does not exist"
            raise ApiError(404, {"message": message, "details": []})
        return json_response(render(definition))

    return [
        *routes("/v2/pods/{pod_id:path}::versions", index, needs=on_pod(Permission.VIEW)),
        *routes("/v2/pods/{pod_id:path}::versions/{version}", show, needs=on_pod(Permission.VIEW)),
    ]


def canonical_version(text: str) -> str:
    """A version, from a time in any zone and precision. Raises ApiError."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return written(moment)
    except (ValueError, OverflowError):
        message = f"'{text}' is not a version: it must be a time with an offset, such as 2026-01-31T12:00:00.000Z"
        raise ApiError(422, {"message": message}) from None
