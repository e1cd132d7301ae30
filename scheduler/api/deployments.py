"""``/v2/deployments``: the running deployments and their progress; pausing, resuming and cancelling them.

A caller sees the deployments all of whose pods it may view. Others do not exist for it.
"""

from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import caller_of, lacking, viewable
from scheduler.api.errors import json_response, not_found
from scheduler.api.needs import by_handler
from scheduler.api.requests import Requests, accepted, flag, origin, wants_extras
from scheduler.api.routes import routes
from scheduler.api.turns import in_turn
from scheduler.core.effects import Done
from scheduler.core.events import DeploymentCancelled, DeploymentPaused, DeploymentResumed, Rollout
from scheduler.core.rollout.deployments import conflicting
from scheduler.core.views.deployment import any_deployment_view, deployment_view
from scheduler.core.world import World
from scheduler.model.records import Deployment


class Deployments:
    """The routes of deployments."""

    def __init__(self, requests: Requests, world: World) -> None:
        self._requests = requests
        self._world = world

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            *routes("/v2/deployments", in_turn(self.index), needs=by_handler),
            *routes("/v2/deployments/{deployment_id}", self.show, needs=by_handler),
            *routes("/v2/deployments/{deployment_id}", self.end, ["DELETE"], needs=by_handler),
            *routes("/v2/deployments/{deployment_id}/pause", self.pause, ["POST"], needs=by_handler),
            *routes("/v2/deployments/{deployment_id}/resume", self.resume, ["POST"], needs=by_handler),
        ]

    async def index(self, request: Request) -> Response:
        """All running deployments, oldest first."""
        extras, shown = wants_extras(request), viewable(request)
        found = [each for each in self._world.deployments.values() if _is_shown(each, shown)]
        return json_response([any_deployment_view(self._world, each, with_extras=extras) for each in found])

    async def show(self, request: Request, deployment_id: str) -> Response:
        """One deployment."""
        deployment = self._visible(request, deployment_id)
        return json_response(deployment_view(self._world, deployment, with_extras=wants_extras(request)))

    async def end(self, request: Request, deployment_id: str) -> Response:
        """Roll a deployment back or, with ``force``, cancel it and keep its changes."""
        rollback, whence = not flag(request, "force"), origin(request)
        note(request, deployment_id=deployment_id)
        _require_operate(request, self._visible(request, deployment_id))
        done = await accepted(
            self._requests,
            lambda number: DeploymentCancelled(number, deployment_id, rollback=rollback, origin=whence),
        )
        return started(done) if rollback else Response(status_code=202)

    async def pause(self, request: Request, deployment_id: str) -> Response:
        """Pause a deployment."""
        whence = origin(request)
        note(request, deployment_id=deployment_id)
        _require_operate(request, self._visible(request, deployment_id))
        return await self._change(lambda number: DeploymentPaused(number, deployment_id, whence))

    async def resume(self, request: Request, deployment_id: str) -> Response:
        """Resume a paused deployment."""
        whence = origin(request)
        note(request, deployment_id=deployment_id)
        _require_operate(request, self._visible(request, deployment_id))
        return await self._change(lambda number: DeploymentResumed(number, deployment_id, whence))

    def _visible(self, request: Request, deployment_id: str) -> Deployment:
        """The deployment. Raises ApiError if there is none, or the caller may not view all of its pods."""
        deployment = self._world.deployments.get(deployment_id)
        if deployment is None or not _is_shown(deployment, viewable(request)):
            raise not_found("Deployment", deployment_id)
        return deployment

    async def _change(self, make_event: Callable[[int], DeploymentPaused | DeploymentResumed]) -> Response:
        done = await accepted(self._requests, make_event)
        return json_response({"version": done.version, "deploymentId": done.deployment_id})


def require_override(request: Request, world: World, pod_ids: Iterable[str], how: Rollout) -> None:
    """Raise ApiError if a change of these pods would cancel a deployment that the caller may not cancel."""
    if how.force:
        for deployment in conflicting(world, pod_ids):
            _require_operate(request, deployment)


def _is_shown(deployment: Deployment, shown: Callable[[str], bool] | None) -> bool:
    return shown is None or all(shown(change.pod_id) for change in deployment.changes)


def _require_operate(request: Request, deployment: Deployment) -> None:
    """Raise ApiError unless the caller may operate all pods of a deployment; does not name the others."""
    caller = caller_of(request)
    if not all(caller.may(Permission.OPERATE, change.pod_id) for change in deployment.changes):
        raise lacking(request, Permission.OPERATE, f"all pods of deployment {deployment.id}")


def started(done: Done) -> Response:
    """The answer to a change that started a deployment."""
    content = {"version": done.version, "deploymentId": done.deployment_id}
    return json_response(content, headers={"Marathon-Deployment-Id": done.deployment_id})
