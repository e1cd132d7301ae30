"""``/v2/pods/ID::timeline``: what happened to a pod, or to one of its instances."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import json_response, not_found
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import routes
from scheduler.api.turns import in_turn
from scheduler.core.views.timeline import instance_timeline, pod_timeline
from scheduler.core.world import World


def timeline_routes(world: World) -> list[Route]:
    """The routes. They must precede those of pods, whose paths match anything."""

    async def timeline(request: Request, pod_id: str) -> Response:
        pod = existing_pod(world, pod_id)
        instance_id = request.query_params.get("instance")
        if instance_id is None:
            return json_response(pod_timeline(world, pod))
        shown = instance_timeline(world, pod, instance_id)
        if shown is None:
            raise not_found("Instance", instance_id)
        return json_response(shown)

    return routes("/v2/pods/{pod_id:path}::timeline", in_turn(timeline), needs=on_pod(Permission.VIEW))
