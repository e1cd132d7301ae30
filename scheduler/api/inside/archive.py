"""``/v2/pods/ID::archive``: copies files out of a container and into it, as a tar stream.

Agents cannot write files and do not know the mounts in a container, so the container's own ``tar`` does it.
"""

import posixpath
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import ApiError
from scheduler.api.inside import queries
from scheduler.api.inside.guard import Guard, StoppingError
from scheduler.api.inside.joined import joined
from scheduler.api.inside.streams import BYTES, TAR, media_type, streaming
from scheduler.api.inside.targets import running_target
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import routes
from scheduler.core.world import World
from scheduler.loop.inside import Inside, Run, Session

_KEPT_OF_ERRORS = 2000  # bytes
_HELD = 64 * 1024
_NO_SUCH_PROGRAM = 127


class Archive:
    """The routes."""

    def __init__(self, world: World, inside: Inside, guard: Guard) -> None:
        self._world = world
        self._inside = inside
        self._guard = guard

    def routes(self) -> list[Route]:
        """The routes."""
        path, copy = "/v2/pods/{pod_id:path}::archive", on_pod(Permission.COPY)
        return [*routes(path, self.read, ["GET"], needs=copy), *routes(path, self.write, ["PUT"], needs=copy)]

    async def read(self, request: Request, pod_id: str) -> Response:
        """A file or a directory of the container, under its own name."""
        path = _path(request)
        run = await self._run(pod_id, request, path, "out of")
        where, name = posixpath.split(path.rstrip("/") or "/")
        # Without ./ tar would take a name like -x for an option.
        packed = self._packed(request, run, where or ".", f"./{name}")
        return await streaming(packed, media_type(request, TAR, BYTES))

    async def write(self, request: Request, pod_id: str) -> Response:
        """Unpack the body in a directory of the container."""
        path = _path(request)
        run = await self._run(pod_id, request, path, "into")
        with self._guard.place(request):
            try:
                await self._guard.unless_stopping(self._unpack(run, path, request))
            except StoppingError:
                raise ApiError(503, {"message": "The scheduler is stopping"}) from None
        return Response(status_code=204)

    async def _run(self, pod_id: str, request: Request, path: str, way: str) -> Run:
        pod = existing_pod(self._world, pod_id)
        target = running_target(self._world, pod, queries.text(request, "instance"), queries.text(request, "container"))
        what = {"instance": target.instance_id, "container": target.container, "way": way, "path": path}
        self._guard.permit(request, Permission.COPY, pod.id, **what)
        return await self._inside.run_of(target.task_id)

    async def _packed(self, request: Request, run: Run, where: str, name: str) -> AsyncGenerator[bytes]:
        errors = bytearray()
        with self._guard.place(request):
            async with self._inside.session(run, ("tar", "-c", "-f", "-", "-C", where, name), None, "") as session:
                await session.end_input()
                held = bytearray()  # held back, so that a failure with little output can still be answered as an error
                async with aclosing(self._guard.guarded(_output(session, errors))) as chunks:
                    async for chunk in chunks:
                        held += chunk
                        if len(held) >= _HELD:
                            yield bytes(held)
                            held.clear()
                _require_success(await session.exit_code(), errors)
                yield bytes(held)

    async def _unpack(self, run: Run, path: str, request: Request) -> None:
        errors = bytearray()
        command = ("tar", "-x", "-o", "-f", "-", "-C", path)
        async with self._inside.session(run, command, None, "") as session:
            await joined(_drained(session, errors), _feed(session, request))
            _require_success(await session.exit_code(), errors)


def _path(request: Request) -> str:
    path = queries.text(request, "path") or ""
    if not path or "\0" in path:
        raise ApiError(400, {"message": "The query parameter path must be a file or directory in the container"})
    return path


async def _feed(session: Session, request: Request) -> None:
    try:
        async for chunk in request.stream():
            await session.write(chunk)
    except ClientDisconnect:
        raise ApiError(400, {"message": "The connection ended before the body did"}) from None
    await session.end_input()


async def _drained(session: Session, errors: bytearray) -> None:
    async for _ in _output(session, errors):
        pass


async def _output(session: Session, errors: bytearray) -> AsyncGenerator[bytes]:
    """The command's standard output; the beginning of its standard error is added to ``errors``."""
    async for output in session.output():
        if not output.is_error:
            yield output.data
        elif len(errors) < _KEPT_OF_ERRORS:
            errors += output.data


def _require_success(code: int, errors: bytearray) -> None:
    if code == 0:
        return
    said = errors[:_KEPT_OF_ERRORS].decode(errors="replace").strip()
    if code == _NO_SUCH_PROGRAM:
        raise ApiError(409, {"message": f"podexec pod cp needs 'tar' in the container: {said}"})
    raise ApiError(409, {"message": f"tar in the container failed ({code}): {said or 'without a message'}"})
