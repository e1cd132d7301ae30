"""``/v2/pods``: create, read, update and delete pods, and their status.

Validates and normalises definitions; the core decides whether a change is made.

Ids in paths may begin with one or two slashes and end in one, also before ``::status``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.api.errors import ApiError, json_response, not_found, unacceptable
from scheduler.api.requests import Requests, accepted, id_in_path, json_body, origin, rollout, wants_extras
from scheduler.api.routes import route, routes
from scheduler.api.sliced import list_response
from scheduler.core.effects import Done
from scheduler.core.events import PodDeleted, PodPosted, PodPut
from scheduler.core.views.pod_status import pod_status
from scheduler.core.world import World
from scheduler.model.definition import PodDefinition, render
from scheduler.model.duplicates import duplicate_keys
from scheduler.model.ids import canonical
from scheduler.model.json import Json
from scheduler.model.normalisation import normalise
from scheduler.model.problems import Problem, Problems, Stage
from scheduler.model.records import Pod
from scheduler.model.rules import Site, broken, only_scales_down
from scheduler.model.validation import read
from scheduler.observe.visible import visible

_log = structlog.get_logger("scheduler.api")
_SLICE = 100  # pods and instances that are rendered at a time
_MOST_WARNINGS, _LONGEST_WARNING = 10, 1000
_OUTDATED = "accepted only because this update reduces the number of instances and changes nothing else"


def existing_pod(world: World, text: str) -> Pod:
    """The pod that a path names. Raises ApiError if there is none."""
    pod_id = id_in_path(text)
    pod = world.pods.get(pod_id)
    if pod is None:
        raise not_found("Pod", pod_id)
    return pod


class Pods:
    """The routes of pods."""

    def __init__(self, requests: Requests, world: World, clock: Callable[[], float]) -> None:
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

    def routes(self) -> list[Route]:
        """The routes, those with suffixes first. HEAD is how Marathon's clients ask whether pods are supported."""
        return [
            *routes("/v2/pods", self.index),
            *routes("/v2/pods", self.create, ["POST"]),
            *routes("/v2/pods::status", self.all_statuses),
            *routes("/v2/pods/{pod_id:path}::status", self.status),
            route("/v2/pods/{pod_id:path}", self.show),
            route("/v2/pods/{pod_id:path}", self.update, ["PUT"]),
            route("/v2/pods/{pod_id:path}", self.delete, ["DELETE"]),
        ]

    # --------------------------------------------------------------------- reading

    async def index(self, request: Request) -> Response:
        """Every pod's definition."""
        return list_response(request, _sliced(self._existing(), lambda pod: render(self._world.current(pod))))

    async def show(self, request: Request, pod_id: str) -> Response:
        """One pod's definition."""
        return json_response(render(self._world.current(existing_pod(self._world, pod_id))))

    async def all_statuses(self, request: Request) -> Response:
        """Every pod's status."""
        extras = wants_extras(request)

        def status(pod: Pod) -> Json:
            return pod_status(self._world, pod, self._clock(), with_extras=extras)

        return list_response(request, _sliced(self._existing(), status))

    def _existing(self) -> Iterator[Pod]:
        """The pods that exist now, as long as they do."""
        for pod_id in tuple(self._world.pods):
            pod = self._world.pods.get(pod_id)
            if pod is not None:
                yield pod

    async def status(self, request: Request, pod_id: str) -> Response:
        """One pod's status; ``/v2/pods/::status`` means all."""
        if canonical(pod_id) == "/":
            return await self.all_statuses(request)
        pod = existing_pod(self._world, pod_id)
        return json_response(pod_status(self._world, pod, self._clock(), with_extras=wants_extras(request)))

    # -------------------------------------------------------------------- changing

    async def create(self, request: Request) -> Response:
        """Create a pod; 409 if its id is taken."""
        how, whence = rollout(request), origin(request)
        definition, warnings = await self._definition(request, self._site)
        done = await accepted(self._requests, lambda number: PodPosted(number, definition, how, whence))
        return _shown(done, 201, warnings | {"Location": f"/v2/pods{definition.id}"})

    async def update(self, request: Request, pod_id: str) -> Response:
        """Change a pod, or create it."""
        asked_for, how, whence = id_in_path(pod_id), rollout(request), origin(request)
        pod = self._world.pods.get(asked_for)
        current = None if pod is None else self._world.current(pod)
        site = self._site if current is None else replace(self._site, current_role=current.role)
        definition, warnings = await self._definition(request, site, current)
        if definition.id != asked_for:
            message = f"The path names pod '{asked_for}', but the definition has the id '{definition.id}'"
            raise ApiError(400, {"message": message})
        done = await accepted(self._requests, lambda number: PodPut(number, definition, how, whence))
        return _shown(done, 200, warnings)

    async def delete(self, request: Request, pod_id: str) -> Response:
        """Remove a pod; its instances end in the background."""
        asked_for, how, whence = id_in_path(pod_id), rollout(request), origin(request)
        done = await accepted(self._requests, lambda number: PodDeleted(number, asked_for, how, whence))
        headers = {"Marathon-Deployment-Id": done.deployment_id, "Location": done.deployment_id}
        return Response(status_code=202, headers=headers)

    async def _definition(
        self, request: Request, site: Site, current: PodDefinition | None = None
    ) -> tuple[PodDefinition, dict[str, str]]:
        """The normalised definition, and headers with warnings for the user.

        ``current``: the definition it replaces. Reducing the instances of that is accepted even if it breaks rules now.
        """
        body = await json_body(request, "the pod definition")
        parsed = read(body, site)
        if isinstance(parsed, Problems):
            raise unacceptable(parsed)
        problems, definition = broken(parsed, site), normalise(parsed, site)
        if problems and not (current is not None and only_scales_down(current, definition)):
            raise unacceptable(Problems(Stage.RULES, problems))
        repeated = duplicate_keys(body)
        if repeated:
            keys = [each.path for each in repeated]
            _log.warning("a definition has repeated keys", pod_id=definition.id, keys=keys)
        outdated = (replace(each, error=f"{each.error} ({_OUTDATED})") for each in problems)
        warnings = (*repeated, *outdated)
        return definition, {"Warning": _warning(warnings)} if warnings else {}


def _sliced(pods: Iterable[Pod], shown: Callable[[Pod], Json]) -> Iterator[list[object]]:
    """The pods as they are ``shown``, in slices that take about the same time to make. None of them is empty."""
    found: list[object] = []
    size = 0
    for pod in pods:
        each = shown(pod)
        found.append(each)
        size += 1 + len(each.get("instances", ()))
        if size >= _SLICE:
            yield found
            found, size = [], 0
    if found:
        yield found


def _warning(problems: Sequence[Problem]) -> str:
    """The header's value: the code for any warning, the agent, and the quoted text."""
    text = "; ".join(f"{each.path}: {each.error}" for each in problems[:_MOST_WARNINGS])
    quoted = visible(text).replace("\\", "\\\\").replace('"', '\\"').encode("ascii", "replace").decode()
    return f'299 podexec "{quoted[:_LONGEST_WARNING]}"'


def _shown(done: Done, status: int, headers: dict[str, str]) -> Response:
    """The answer to an accepted change: the definition as it is stored."""
    headers = headers | {"Marathon-Deployment-Id": done.deployment_id}
    return json_response(render(done.definition) if done.definition is not None else None, status, headers)
