"""``/v2/deployments``: the running deployments and their progress; pausing, resuming and cancelling them."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import json_response, not_found
from scheduler.api.requests import Requests, accepted, flag, wants_extras
from scheduler.api.routes import routes
from scheduler.core.effects import Done
from scheduler.core.events import DeploymentCancelled, DeploymentPaused, DeploymentResumed
from scheduler.core.views.deployment import deployment_view
from scheduler.core.world import World


class Deployments:
    """The routes of deployments."""

    def __init__(self, requests: Requests, world: World) -> None:
        self._requests = requests
        self._world = world

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            *routes("/v2/deployments", self.index),
            *routes("/v2/deployments/{deployment_id}", self.show),
            *routes("/v2/deployments/{deployment_id}", self.end, ["DELETE"]),
            *routes("/v2/deployments/{deployment_id}/pause", self.pause, ["POST"]),
            *routes("/v2/deployments/{deployment_id}/resume", self.resume, ["POST"]),
        ]

    async def index(self, request: Request) -> Response:
        """All running deployments, oldest first."""
        extras = wants_extras(request)
        found = self._world.deployments.values()
        return json_response([deployment_view(self._world, each, with_extras=extras) for each in found])

    async def show(self, request: Request, deployment_id: str) -> Response:
        """One deployment."""
        deployment = self._world.deployments.get(deployment_id)
        if deployment is None:
            raise not_found("Deployment", deployment_id)
        return json_response(deployment_view(self._world, deployment, with_extras=wants_extras(request)))

    async def end(self, request: Request, deployment_id: str) -> Response:
        """Roll a deployment back or, with ``force``, cancel it and keep its changes."""
        rollback = not flag(request, "force")
        done = await accepted(
            self._requests, lambda number: DeploymentCancelled(number, deployment_id, rollback=rollback)
        )
        return started(done) if rollback else Response(status_code=202)

    async def pause(self, request: Request, deployment_id: str) -> Response:
        """Pause a deployment."""
        return await self._change(lambda number: DeploymentPaused(number, deployment_id))

    async def resume(self, request: Request, deployment_id: str) -> Response:
        """Resume a paused deployment."""
        return await self._change(lambda number: DeploymentResumed(number, deployment_id))

    async def _change(self, make_event: Callable[[int], DeploymentPaused | DeploymentResumed]) -> Response:
        done = await accepted(self._requests, make_event)
        return json_response({"version": done.version, "deploymentId": done.deployment_id})


def started(done: Done) -> Response:
    """The answer to a change that started a deployment."""
    content = {"version": done.version, "deploymentId": done.deployment_id}
    return json_response(content, headers={"Marathon-Deployment-Id": done.deployment_id})
