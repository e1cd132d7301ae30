"""``/v2/deployments``: the running deployments and their progress; pausing, resuming and cancelling them."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from scheduler.api.errors import ApiError, json_response
from scheduler.api.requests import READING, Requests, accepted, flag, wants_extras
from scheduler.core.effects import Done
from scheduler.core.events import DeploymentCancelled, DeploymentPaused, DeploymentResumed
from scheduler.core.views.deployment import deployment_view
from scheduler.core.world import World


class Deployments:
    """The routes of deployments."""

    def __init__(self, requests: Requests, world: World) -> None:
        self._requests = requests
        self._world = world

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        for slash in ("", "/"):
            router.add_api_route(f"/v2/deployments{slash}", self.index, methods=READING)
            router.add_api_route(f"/v2/deployments/{{deployment_id}}{slash}", self.show, methods=READING)
            router.add_api_route(f"/v2/deployments/{{deployment_id}}{slash}", self.end, methods=["DELETE"])
            router.add_api_route(f"/v2/deployments/{{deployment_id}}/pause{slash}", self.pause, methods=["POST"])
            router.add_api_route(f"/v2/deployments/{{deployment_id}}/resume{slash}", self.resume, methods=["POST"])
        return router

    async def index(self, request: Request) -> Response:
        """All running deployments, oldest first."""
        extras = wants_extras(request)
        found = self._world.deployments.values()
        return json_response([deployment_view(self._world, each, with_extras=extras) for each in found])

    async def show(self, deployment_id: str, request: Request) -> Response:
        """One deployment."""
        deployment = self._world.deployments.get(deployment_id)
        if deployment is None:
            raise ApiError(404, {"message": f"Deployment '{deployment_id}' does not exist", "details": []})
        return json_response(deployment_view(self._world, deployment, with_extras=wants_extras(request)))

    async def end(self, deployment_id: str, request: Request) -> Response:
        """Roll a deployment back or, with ``force``, cancel it and keep its changes."""
        rollback = not flag(request, "force")
        done = await accepted(
            self._requests, lambda number: DeploymentCancelled(number, deployment_id, rollback=rollback)
        )
        return started(done) if rollback else Response(status_code=202)

    async def pause(self, deployment_id: str) -> Response:
        """Pause a deployment."""
        return await self._change(lambda number: DeploymentPaused(number, deployment_id))

    async def resume(self, deployment_id: str) -> Response:
        """Resume a paused deployment."""
        return await self._change(lambda number: DeploymentResumed(number, deployment_id))

    async def _change(self, make_event: Callable[[int], DeploymentPaused | DeploymentResumed]) -> Response:
        done = await accepted(self._requests, make_event)
        return json_response({"version": done.version, "deploymentId": done.deployment_id})


def started(done: Done) -> Response:
    """The answer to a change that started a deployment."""
    content = {"version": done.version, "deploymentId": done.deployment_id}
    return json_response(content, headers={"Marathon-Deployment-Id": done.deployment_id})
