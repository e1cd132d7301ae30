"""``/v2/pods/ID::instances``: the instances of a pod, and killing some of them.

A kill is answered at once with the instances as they were. They end in the background and are relaunched or, with
``wipe``, replaced.
"""

import re

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.errors import ApiError, json_response, unacceptable
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.requests import Requests, flag, id_in_path, json_body, killed, origin, wants_extras
from scheduler.api.routes import routes
from scheduler.api.turns import in_turn
from scheduler.core.events import InstancesKilled
from scheduler.core.views.instance import instance_view
from scheduler.core.views.pod_status import instance_statuses
from scheduler.core.world import World
from scheduler.model.json import Json
from scheduler.model.problems import Problem, Problems, Stage

# Marathon's form; old ones have marathon- in place of instance-.
INSTANCE_ID = re.compile(r".+\.(instance-|marathon-)[^.]+", re.DOTALL)


class Instances:
    """The routes of instances."""

    def __init__(self, requests: Requests, world: World) -> None:
        self._requests = requests
        self._world = world

    def routes(self) -> list[Route]:
        """The routes. They must precede those of pods, whose paths match anything."""
        operate = on_pod(Permission.OPERATE)
        return [
            *routes("/v2/pods/{pod_id:path}::instances", in_turn(self.index), needs=on_pod(Permission.VIEW)),
            *routes("/v2/pods/{pod_id:path}::instances", self.kill_some, ["DELETE"], needs=operate),
            *routes("/v2/pods/{pod_id:path}::instances/{instance_id}", self.kill_one, ["DELETE"], needs=operate),
        ]

    async def index(self, request: Request, pod_id: str) -> Response:
        """The status of every instance of a pod."""
        pod = existing_pod(self._world, pod_id)
        return json_response(instance_statuses(self._world, pod, with_extras=wants_extras(request)))

    async def kill_one(self, request: Request, pod_id: str, instance_id: str) -> Response:
        """Kill an instance."""
        if not INSTANCE_ID.fullmatch(instance_id):
            raise ApiError(422, {"message": f"'{_in_short(instance_id)}' is not an instance id: {_FORM}"})
        found = await self._kill(pod_id, (instance_id,), request)
        if not found:
            message = f"Instance '{instance_id}' of pod '{id_in_path(pod_id)}' does not exist"
            raise ApiError(404, {"message": message, "details": []})
        return json_response(found[0])

    async def kill_some(self, request: Request, pod_id: str) -> Response:
        """Kill the instances of a list, as far as they exist."""
        instance_ids = _instance_ids(await json_body(request, "a list of instance ids"))
        return json_response(await self._kill(pod_id, instance_ids, request))

    async def _kill(self, pod_id: str, instance_ids: tuple[str, ...], request: Request) -> list[Json]:
        asked_for, wipe, whence = id_in_path(pod_id), flag(request, "wipe"), origin(request)
        note(request, pod_id=asked_for, instances=instance_ids)
        answer = await killed(
            self._requests,
            lambda number: InstancesKilled(number, asked_for, instance_ids, wipe=wipe, origin=whence),
        )
        return [instance_view(self._world, instance) for instance in answer.instances]


_LONGEST_SHOWN = 100
_FORM = "it must look like product_web.instance-5a0b3ee1-8a2b-4b7c-9d0e-1f2a3b4c5d6e"


def _instance_ids(body: bytes) -> tuple[str, ...]:
    """The ids of a JSON list. Raises ApiError."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise unacceptable(Problems(Stage.SYNTAX, (Problem("/", str(error)),))) from None
    if not isinstance(value, list):
        raise unacceptable(Problems(Stage.SCHEMA, (Problem("/", "error.expected.jsarray"),)))
    not_strings = [index for index, each in enumerate(value) if not isinstance(each, str)]
    if not_strings:
        problems = (Problem(f"/({index})", "error.expected.jsstring") for index in not_strings)
        raise unacceptable(Problems(Stage.SCHEMA, tuple(problems)))
    wrong = tuple(
        Problem(f"/({index})", f"'{_in_short(each)}' is not an instance id: {_FORM}")
        for index, each in enumerate(value)
        if not INSTANCE_ID.fullmatch(each)
    )
    if wrong:
        raise unacceptable(Problems(Stage.RULES, wrong))
    return tuple(value)


def _in_short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
