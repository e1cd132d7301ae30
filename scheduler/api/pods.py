"""``/v2/pods``: create, read, update, delete, status.

Validates and normalises; whether a change is made the core decides.

Ids in paths may begin with one or two slashes and end in one, and stand before ``::status`` with or without it.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from scheduler.api.errors import ApiError, absent, json_response, refused, unacceptable
from scheduler.core.effects import Answer, Done, Refused
from scheduler.core.events import Event, PodDeleted, PodPosted, PodPut
from scheduler.core.rollup import pod_status
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition, render
from scheduler.model.ids import canonical
from scheduler.model.normalisation import normalise
from scheduler.model.problems import Problems
from scheduler.model.records import Pod
from scheduler.model.rules import Site
from scheduler.model.validation import parse

LARGEST_BODY = 1024 * 1024


class Requests(Protocol):
    """The way to change anything: the shell."""

    async def request(self, make_event: Callable[[int], Event]) -> Answer:
        """Submit the event made for the request's number; the answer comes once it is durable."""


class Pods:
    """The pods' routes over a world to read and a shell to ask."""

    def __init__(self, requests: Requests, world: World, clock: Callable[[], float] = time.time) -> None:
        self._requests = requests
        self._world = world
        self._clock = clock
        settings = world.settings
        self._site = Site(
            settings.role,
            settings.default_network_name,
            settings.known_networks,
            settings.features,
            settings.strict_definitions,
            settings.new_group_enforce_role,
            settings.executor.is_own,
        )

    def router(self) -> APIRouter:
        """The routes, the suffixed ones first. HEAD is Marathon's probe for whether pods are supported."""
        router = APIRouter(include_in_schema=False)
        reading = ["GET", "HEAD"]
        for slash in ("", "/"):
            router.add_api_route(f"/v2/pods{slash}", self.index, methods=reading)
            router.add_api_route(f"/v2/pods{slash}", self.create, methods=["POST"])
            router.add_api_route(f"/v2/pods::status{slash}", self.all_statuses, methods=reading)
            router.add_api_route(f"/v2/pods/{{pod_id:path}}::status{slash}", self.status, methods=reading)
        router.add_api_route("/v2/pods/{pod_id:path}", self.show, methods=reading)
        router.add_api_route("/v2/pods/{pod_id:path}", self.update, methods=["PUT"])
        router.add_api_route("/v2/pods/{pod_id:path}", self.delete, methods=["DELETE"])
        return router

    # --------------------------------------------------------------------- reading

    async def index(self) -> Response:
        """Every pod's definition."""
        return json_response([render(self._world.current(pod)) for pod in self._world.pods.values()])

    async def show(self, pod_id: str) -> Response:
        """One pod's definition."""
        return json_response(render(self._world.current(self._pod(pod_id))))

    async def all_statuses(self) -> Response:
        """Every pod's status."""
        now = self._clock()
        return json_response([pod_status(self._world, pod, now) for pod in self._world.pods.values()])

    async def status(self, pod_id: str) -> Response:
        """One pod's status; ``/v2/pods/::status`` means all."""
        if canonical(pod_id) == "/":
            return await self.all_statuses()
        return json_response(pod_status(self._world, self._pod(pod_id), self._clock()))

    # -------------------------------------------------------------------- changing

    async def create(self, request: Request) -> Response:
        """Create a pod; 409 if its id is taken."""
        definition = normalise(await self._definition(request, self._site), self._site)
        done = await self._ask(definition.id, lambda number: PodPosted(number, definition))
        return _accepted(done, 201, {"Location": f"/v2/pods{definition.id}"})

    async def update(self, pod_id: str, request: Request) -> Response:
        """Change a pod, or create it."""
        asked_for = _id_in_path(pod_id)
        present = self._world.pods.get(asked_for)
        site = self._site
        if present is not None:
            site = replace(site, present_role=self._world.current(present).role)
        definition = await self._definition(request, site)
        if canonical(definition.id) != asked_for:
            message = f"The path is that of pod '{asked_for}', the definition that of pod '{canonical(definition.id)}'"
            raise ApiError(400, {"message": message})
        definition = normalise(definition, site)
        return _accepted(await self._ask(asked_for, lambda number: PodPut(number, definition)), 200, {})

    async def delete(self, pod_id: str) -> Response:
        """Remove a pod; its instances end in the background."""
        asked_for = _id_in_path(pod_id)
        done = await self._ask(asked_for, lambda number: PodDeleted(number, asked_for))
        headers = {"Marathon-Deployment-Id": done.deployment_id, "Location": done.deployment_id}
        return Response(status_code=202, headers=headers)

    # --------------------------------------------------------------------- helpers

    def _pod(self, pod_id: str) -> Pod:
        asked_for = _id_in_path(pod_id)
        pod = self._world.pods.get(asked_for)
        if pod is None:
            raise absent(asked_for)
        return pod

    async def _definition(self, request: Request, site: Site) -> PodDefinition:
        parsed = parse(await _body(request), site)
        if isinstance(parsed, Problems):
            raise unacceptable(parsed)
        return parsed

    async def _ask(self, pod_id: str, make_event: Callable[[int], Event]) -> Done:
        answer = await self._requests.request(make_event)
        if isinstance(answer, Refused):
            raise refused(answer, pod_id)
        assert isinstance(answer, Done)
        return answer


def _id_in_path(text: str) -> str:
    if "::" in text:
        raise ApiError(404, {"message": f"URI not found: /v2/pods/{text}"})
    return canonical(text)


def _accepted(done: Done, status: int, headers: dict[str, str]) -> Response:
    headers = headers | {"Marathon-Deployment-Id": done.deployment_id}
    return json_response(render(done.definition) if done.definition is not None else None, status, headers)


async def _body(request: Request) -> bytes:
    """The request's JSON text, up to a size no sane definition has."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise ApiError(415, {"message": f"Content-Type must be application/json, not {kind}"})
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise ApiError(413, {"message": f"The body is larger than {LARGEST_BODY} bytes"})
    except ClientDisconnect:
        raise ApiError(400, {"message": "The connection ended before the body did"}) from None
    if not body:
        raise ApiError(400, {"message": "The body must hold the pod definition as JSON data, and is empty"})
    return bytes(body)
