"""``/v2/pods/ID::logs``: the merged output of a pod's containers; with ``follow``, new output as it is written.

One JSON object per line. ``instance`` and ``container``, or ``executor``, are its origin; ``stream`` and ``line`` are
output; ``event`` and ``message`` report restarts, ends and failures. Containers launched later are followed too.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import ApiError
from scheduler.api.inside import queries
from scheduler.api.inside.following import STREAMS, Output, Wanted
from scheduler.api.inside.guard import Guard, StoppingError
from scheduler.api.inside.streams import NDJSON, PLAIN, media_type, streaming
from scheduler.api.inside.targets import Target, executors, never_launched, targets
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.requests import flag
from scheduler.api.routes import routes
from scheduler.core.world import World
from scheduler.loop.inside import Inside
from scheduler.model.records import Goal, Instance, Pod

KEEP_ALIVE = 15.0  # seconds of silence after which an empty line shows that the connection lives
MOST_CONTAINERS = 64
_LOOK_FOR_NEW = 0.5
_MOST_LINES = 1_000_000_000
_AHEAD = 16  # chunks that wait for the client
_log = structlog.get_logger("scheduler.api")


class Logs:
    """The route."""

    def __init__(self, world: World, inside: Inside, guard: Guard) -> None:
        self._world = world
        self._inside = inside
        self._guard = guard

    def routes(self) -> list[Route]:
        """The route."""
        return routes("/v2/pods/{pod_id:path}::logs", self.show, ["GET"], needs=on_pod(Permission.LOGS))

    async def show(self, request: Request, pod_id: str) -> Response:
        """The lines."""
        pod = existing_pod(self._world, pod_id)
        instance, container = queries.text(request, "instance"), queries.text(request, "container")
        of_executor = queries.executor(request)
        previous = flag(request, "previous")
        wanted = Wanted(
            _streams(request),
            queries.number(request, "tail", _MOST_LINES),
            flag(request, "follow"),
            queries.moment(request, "since"),
            flag(request, "timestamps"),
        )
        if previous and wanted.follow:
            raise ApiError(400, {"message": "previous and follow cannot be combined"})
        self._guard.permit(
            request, Permission.LOGS, pod.id, instance=instance, container=container, executor=of_executor
        )
        which = _Which(instance, container, of_executor)
        merged = _Merged(self._world, self._inside, pod, which, wanted)
        merged.begin(previous=previous)
        return await streaming(_guarded(self._guard, request, merged), media_type(request, NDJSON, PLAIN))


def _streams(request: Request) -> tuple[str, ...]:
    named = queries.text(request, "stream") or "both"
    if named not in (*STREAMS, "both"):
        raise ApiError(400, {"message": f"The query parameter stream must be stdout, stderr or both, not '{named}'"})
    return STREAMS if named == "both" else (named,)


async def _guarded(guard: Guard, request: Request, merged: "_Merged") -> AsyncGenerator[bytes]:
    try:
        with guard.place(request):
            yield b"\n"  # shows the client at once that it is connected
            async with aclosing(guard.guarded(merged.chunks())) as chunks:
                async for chunk in chunks:
                    yield chunk
    except StoppingError:
        yield _failed("the scheduler is stopping")


def _failed(message: str) -> bytes:
    return orjson.dumps({"event": "failed", "message": message}, option=orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True, slots=True)
class _Which:
    """Selects whose output of a pod to read.

    Attributes:
        instance: None: all.
        container: None: all.
        of_executor: the output of executors instead of containers.
    """

    instance: str | None
    container: str | None
    of_executor: bool

    def targets(self, world: World, pod: Pod) -> list[Target]:
        """The current or last launches. Raises ApiError."""
        if self.of_executor:
            return executors(world, pod, self.instance)
        return targets(world, pod, self.instance, self.container)


class _Merged:
    """The output of many containers as it arrives. A slow client delays only its own stream."""

    def __init__(self, world: World, inside: Inside, pod: Pod, which: _Which, wanted: Wanted) -> None:
        self._world = world
        self._inside = inside
        self._pod = pod
        self._which = which
        self._wanted = wanted
        self._ready: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
        self._known: set[Target] = set()
        self._reading: dict[Target, asyncio.Task[None]] = {}
        self._chosen: list[Target] = []
        self._previous = False

    def begin(self, *, previous: bool) -> None:
        """Choose the containers. Raises ApiError."""
        chosen = self._which.targets(self._world, self._pod)
        if len(chosen) > MOST_CONTAINERS:
            message = f"{len(chosen)} containers are selected, but at most {MOST_CONTAINERS} can be read at a time"
            raise ApiError(400, {"message": f"{message}: name an instance or a container"})
        if not chosen and not self._wanted.follow:
            raise never_launched(self._pod)
        self._chosen = chosen
        self._previous = previous

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The output, and empty lines while there is none."""
        silent_until, look_at = _now() + KEEP_ALIVE, _now()
        try:
            for target in self._chosen:
                self._read(target, self._wanted)
            while not self._is_over():
                chunk = await self._next()
                if not chunk and _now() >= silent_until:
                    chunk = b"\n"
                if chunk:
                    yield chunk
                    silent_until = _now() + KEEP_ALIVE
                if self._wanted.follow and _now() >= look_at:
                    self._look_for_new()
                    look_at = _now() + _LOOK_FOR_NEW
        finally:
            for task in self._reading.values():
                task.cancel()

    async def _next(self) -> bytes:
        """The next chunk; empty when one of the outputs ended or nothing arrived for a while."""
        try:
            async with asyncio.timeout(_LOOK_FOR_NEW):
                return await self._ready.get()
        except TimeoutError:
            return b""

    def _read(self, target: Target, wanted: Wanted) -> None:
        self._known.add(target)
        output = Output(self._world, self._inside, target, wanted)
        records = output.records_before() if self._previous else output.records()
        self._reading[target] = asyncio.create_task(self._pass_on(target, records))

    async def _pass_on(self, target: Target, records: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in records:
                await self._ready.put(chunk)
        except Exception:  # a bug of ours, which must not affect the other outputs
            _log.exception("the output of a container cannot be followed", task_id=target.task_id)
            message = f"{target.task_id}: the scheduler failed to read its output; the scheduler's log says why"
            await self._ready.put(_failed(message))
        del self._reading[target]
        await self._ready.put(b"")

    def _look_for_new(self) -> None:
        """Read new launches from their beginning, and forget those that were replaced."""
        current = self._current()
        self._known &= set(current)
        for target in current:
            if target not in self._known and len(self._reading) < MOST_CONTAINERS:
                self._read(target, replace(self._wanted, lines=None, since=None, fresh=True))

    def _is_over(self) -> bool:
        if self._reading or not self._ready.empty():
            return False
        return not (self._wanted.follow and self._is_more_to_come())

    def _is_more_to_come(self) -> bool:
        """Whether something was, or will be, relaunched. Does not wait for unreachable agents."""
        pod = self._world.pods.get(self._pod.id)
        if pod is None:
            return False
        current = self._current()
        if not self._known.issuperset(current):
            return True
        instances = {target.instance_id for target in current}
        if not instances:
            return self._which.instance is None and self._world.current(pod).scaling.instances > 0
        return any(_is_relaunched(self._world.instances[instance_id]) for instance_id in instances)

    def _current(self) -> list[Target]:
        pod = self._world.pods.get(self._pod.id)
        try:
            return [] if pod is None else self._which.targets(self._world, pod)
        except ApiError:  # the named instance is gone
            return []


def _is_relaunched(instance: Instance) -> bool:
    return instance.goal is Goal.RUNNING and all(task.condition.terminal for task in instance.tasks)


def _now() -> float:
    return asyncio.get_running_loop().time()
