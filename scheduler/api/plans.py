"""``POST /v2/pods/ID::plan``: what a change of a pod would do. Nothing is changed, and nothing is stored."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import require
from scheduler.api.errors import json_response, refused
from scheduler.api.events import Publisher
from scheduler.api.needs import on_pod
from scheduler.api.pods import Pods
from scheduler.api.requests import id_in_path, rollout
from scheduler.api.routes import durable, routes
from scheduler.api.turns import Turns
from scheduler.core.events import OffersAsked, Rollout
from scheduler.core.placement.fitting import NO_OFFERS
from scheduler.core.rollout import admission
from scheduler.core.views.plan import plan_view
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition, render
from scheduler.model.differences import differences, shown
from scheduler.model.ids import canonical
from scheduler.model.json import Json

PATIENCE = 1.0  # seconds for which offers are waited for
_LOOK_EVERY, _FIRST_TRIES = 0.02, 5


def plan_routes(loop: Publisher, world: World, pods: Pods, clock: Callable[[], float]) -> list[Route]:
    """The routes. They must precede those of pods, whose paths match anything."""

    async def plan(request: Request, pod_id: str) -> Response:
        asked_for, how = id_in_path(pod_id), rollout(request)
        require(request, Permission.VIEW, asked_for)  # the answer shows the current definition
        expected = frozenset(map(canonical, request.query_params.getlist("after")))
        note(request, pod_id=asked_for)
        definition, warnings = await pods.definition_of(request, asked_for)
        pods.require_others(request, definition, how)
        turns: Turns = request.app.state.turns
        async with turns.turn(request):
            planned = _planned(definition, how, expected)
        if definition.role is not None and planned.get("fit", {}).get("unknown") == NO_OFFERS:
            await _look_at_offers(definition.role)
        async with turns.turn(request, is_first=False):
            pod = world.pods.get(asked_for)
            planned = _planned(definition, how, expected)
            planned["warnings"] += [{"path": each.path, "error": each.error} for each in warnings]
            before = None if pod is None else world.current(pod)
        planned |= await asyncio.to_thread(_differences, before, definition)
        await durable(request)
        return json_response(planned)

    async def _look_at_offers(role: str) -> None:
        """Have agents offer what they have, and wait until they do, but not for long."""
        loop.submit(OffersAsked(role))
        for tries in range(int(PATIENCE / _LOOK_EVERY)):
            await asyncio.sleep(_LOOK_EVERY)
            volatile = world.volatile
            has_some = any(each.role == role for each in volatile.offers.values())
            if has_some and not volatile.match_progress.more:
                return
            if tries > _FIRST_TRIES and role not in volatile.connection.looking:  # it was asked just before
                return

    def _planned(definition: PodDefinition, how: Rollout, expected: frozenset[str]) -> Json:
        """Raises ApiError if the change would be refused, unless only other deployments are in its way."""
        pod = world.pods.get(definition.id)
        found = admission.policy_findings(world, pod, definition)
        refusal = (
            admission.refused_definition(world, pod, definition, expected)
            or admission.refused_by_policy(found)
            or admission.refused_deployment(world, [definition.id], replace(how, force=True))
        )
        if refusal is not None:
            raise refused(refusal)
        return plan_view(world, definition, how, clock(), found)

    needs = on_pod(Permission.OPERATE)
    return routes("/v2/pods/{pod_id:path}::plan", plan, ["POST"], needs=needs)


def _differences(before: PodDefinition | None, after: PodDefinition) -> Json:
    return shown(differences({} if before is None else render(before), render(after)))
