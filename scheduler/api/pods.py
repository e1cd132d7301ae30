"""``/v2/pods``: create, read, update and delete pods, and their status.

Validates and normalises definitions; the core decides whether a change is made.

Ids in paths may begin with one or two slashes and end in one, also before ``::status``.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.audit import note
from scheduler.api.callers import require, viewable
from scheduler.api.deployments import require_override
from scheduler.api.errors import ApiError, json_response, not_found, unacceptable
from scheduler.api.needs import by_handler, on_pod
from scheduler.api.requests import (
    Requests,
    accepted,
    brief,
    id_in_path,
    json_body,
    origin,
    rollout,
    versions_matched,
    wants_extras,
)
from scheduler.api.routes import route, routes
from scheduler.api.sliced import list_response
from scheduler.api.turns import in_turn
from scheduler.core.effects import Done
from scheduler.core.events import PodDeleted, PodPosted, PodPut, PodRestarted, Rollout
from scheduler.core.views.history import history_view
from scheduler.core.views.pod_status import pod_status
from scheduler.core.views.pod_summary import pod_summary
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
_LARGE_BODY = 16 * 1024  # bytes; reading more takes over 10 ms
_SLICE = 100  # pods and instances that are rendered at a time
_MOST_WARNINGS, _LONGEST_WARNING = 10, 1000
_OUTDATED = "accepted only because this update reduces the number of instances and changes nothing else"


class _Checked(NamedTuple):
    """A definition that was read.

    Attributes:
        definition: normalised.
        problems: the rules that it breaks.
        repeated: the keys that are there more than once.
    """

    definition: PodDefinition
    problems: tuple[Problem, ...]
    repeated: tuple[Problem, ...]


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
            *routes("/v2/pods", in_turn(self.index), needs=by_handler),
            *routes("/v2/pods", self.create, ["POST"], needs=by_handler),
            *routes("/v2/pods::status", in_turn(self.all_statuses), needs=by_handler),
            *routes("/v2/pods/{pod_id:path}::status", in_turn(self.status), needs=by_handler),
            *routes("/v2/pods/{pod_id:path}::history", in_turn(self.history), needs=on_pod(Permission.VIEW)),
            *routes("/v2/pods/{pod_id:path}::restart", self.restart, ["POST"], needs=on_pod(Permission.OPERATE)),
            route("/v2/pods/{pod_id:path}", self.show, needs=on_pod(Permission.VIEW)),
            route("/v2/pods/{pod_id:path}", self.update, ["PUT"], needs=on_pod(Permission.OPERATE)),
            route("/v2/pods/{pod_id:path}", self.delete, ["DELETE"], needs=on_pod(Permission.OPERATE)),
        ]

    # --------------------------------------------------------------------- reading

    async def index(self, request: Request) -> Response:
        """Every pod's definition."""
        return list_response(request, _sliced(self._existing(request), lambda pod: render(self._world.current(pod))))

    async def show(self, request: Request, pod_id: str) -> Response:
        """One pod's definition."""
        return json_response(render(self._world.current(existing_pod(self._world, pod_id))))

    async def all_statuses(self, request: Request) -> Response:
        """Every pod's status, or that of the pods that the query names."""
        extras, is_brief = wants_extras(request), brief(request)

        def status(pod: Pod) -> Json:
            if is_brief:
                return pod_summary(self._world, pod, self._clock())
            return pod_status(self._world, pod, self._clock(), with_extras=extras)

        return list_response(request, _sliced(self._existing(request), status))

    def _existing(self, request: Request) -> Iterator[Pod]:
        """The pods that exist now and that the caller may view, as long as they do; only those that the query names."""
        named = dict.fromkeys(canonical(each) for each in request.query_params.getlist("id"))
        for pod_id in tuple(filter(viewable(request) or bool, named or self._world.pods)):
            pod = self._world.pods.get(pod_id)
            if pod is not None:
                yield pod

    async def status(self, request: Request, pod_id: str) -> Response:
        """One pod's status; ``/v2/pods/::status`` means all."""
        if canonical(pod_id) == "/":
            return await self.all_statuses(request)
        require(request, Permission.VIEW, id_in_path(pod_id))
        pod = existing_pod(self._world, pod_id)
        return json_response(pod_status(self._world, pod, self._clock(), with_extras=wants_extras(request)))

    async def history(self, request: Request, pod_id: str) -> Response:
        """The last changes of a pod that users asked for."""
        return json_response(history_view(self._world, existing_pod(self._world, pod_id)))

    # -------------------------------------------------------------------- changing

    async def create(self, request: Request) -> Response:
        """Create a pod; 409 if its id is taken."""
        how, whence = rollout(request), origin(request)
        definition, warnings = await self.definition(request)
        note(request, pod_id=definition.id)
        require(request, Permission.OPERATE, definition.id)
        self.require_others(request, definition, how)
        done = await accepted(self._requests, lambda number: PodPosted(number, definition, how, whence))
        return shown(done, 201, warnings, {"Location": f"/v2/pods{definition.id}"})

    async def update(self, request: Request, pod_id: str) -> Response:
        """Change a pod, or create it."""
        asked_for, how, whence = id_in_path(pod_id), rollout(request), origin(request)
        based_on = versions_matched(request)
        note(request, pod_id=asked_for)
        definition, warnings = await self.definition_of(request, asked_for)
        self.require_others(request, definition, how)
        done = await accepted(self._requests, lambda number: PodPut(number, definition, how, whence, based_on))
        return shown(done, 200, warnings, {})

    async def restart(self, request: Request, pod_id: str) -> Response:
        """Replace the instances of a pod by new ones of the same definition, in the background."""
        asked_for, how, whence = id_in_path(pod_id), rollout(request), origin(request)
        note(request, pod_id=asked_for)
        require_override(request, self._world, [asked_for], how)
        done = await accepted(self._requests, lambda number: PodRestarted(number, asked_for, how, whence))
        return shown(done, 200, (), {})

    async def delete(self, request: Request, pod_id: str) -> Response:
        """Remove a pod; its instances end in the background."""
        asked_for, how, whence = id_in_path(pod_id), rollout(request), origin(request)
        note(request, pod_id=asked_for)
        require_override(request, self._world, [asked_for], how)
        self._require_no_hidden_dependents(request, asked_for, how)
        done = await accepted(self._requests, lambda number: PodDeleted(number, asked_for, how, whence))
        headers = {"Marathon-Deployment-Id": done.deployment_id, "Location": done.deployment_id}
        return Response(status_code=202, headers=headers)

    async def definition(self, request: Request) -> tuple[PodDefinition, tuple[Problem, ...]]:
        """The normalised definition in a body, and warnings for the user. Raises ApiError."""
        return await self._read(request, self._site)

    async def definition_of(self, request: Request, pod_id: str) -> tuple[PodDefinition, tuple[Problem, ...]]:
        """The normalised definition in a body that would change this pod, or create it. Raises ApiError."""
        pod = self._world.pods.get(pod_id)
        current = None if pod is None else self._world.current(pod)
        site = self._site if current is None else replace(self._site, current_role=current.role)
        definition, warnings = await self._read(request, site, current)
        if definition.id != pod_id:
            message = f"The path names pod '{pod_id}', but the definition has the id '{definition.id}'"
            raise ApiError(400, {"message": message})
        return definition, warnings

    def require_others(self, request: Request, definition: PodDefinition, how: Rollout) -> None:
        """Raise ApiError if a definition newly depends on a pod that the caller may not view, as the answer would tell
        whether that exists, or if it would override a deployment of other pods.
        """
        pod = self._world.pods.get(definition.id)
        known = () if pod is None else self._world.current(pod).dependencies
        for each in definition.dependencies:
            if each not in known:
                require(request, Permission.VIEW, each)
        require_override(request, self._world, [definition.id], how)

    def _require_no_hidden_dependents(self, request: Request, pod_id: str, how: Rollout) -> None:
        """Raise ApiError, without names, if a removal would be refused because of pods that the caller may not view."""
        shown = viewable(request)
        if shown is not None and not how.force and not all(map(shown, self._world.dependents(pod_id))):
            message = f"Pod '{pod_id}' is needed by pods that you may not view: use force=true to remove it anyway"
            raise ApiError(409, {"message": message})

    async def _read(
        self, request: Request, site: Site, current: PodDefinition | None = None
    ) -> tuple[PodDefinition, tuple[Problem, ...]]:
        """The normalised definition, and warnings for the user.

        ``current``: the definition it replaces. Reducing the instances of that is accepted even if it breaks rules now.
        """
        body = await json_body(request, "the pod definition")
        if len(body) > _LARGE_BODY:  # the event loop, which shares this thread, continues in between
            checked = await asyncio.to_thread(_check, body, site)
        else:
            checked = _check(body, site)
        if isinstance(checked, Problems):
            raise unacceptable(checked)
        problems, definition, repeated = checked.problems, checked.definition, checked.repeated
        if problems and not (current is not None and only_scales_down(current, definition)):
            raise unacceptable(Problems(Stage.RULES, problems))
        if repeated:
            keys = [each.path for each in repeated]
            _log.warning("a definition has repeated keys", pod_id=definition.id, keys=keys)
        outdated = (replace(each, error=f"{each.error} ({_OUTDATED})") for each in problems)
        return definition, (*repeated, *outdated)


def _check(body: bytes, site: Site) -> Problems | _Checked:
    parsed = read(body, site)
    if isinstance(parsed, Problems):
        return parsed
    return _Checked(normalise(parsed, site), broken(parsed, site), duplicate_keys(body))


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


def shown(done: Done, status: int, warnings: Iterable[Problem], headers: Mapping[str, str]) -> Response:
    """The answer to an accepted change: the definition as it is stored, and the warnings about it."""
    headers = {**headers, **({"Marathon-Deployment-Id": done.deployment_id} if done.deployment_id else {})}
    told = [*warnings, *(Problem(path, error) for path, error in done.warnings or ())]
    if told:
        headers["Warning"] = _warning(told)
    return json_response(render(done.definition) if done.definition is not None else None, status, headers)
