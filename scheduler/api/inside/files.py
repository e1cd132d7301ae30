"""``/v2/pods/ID::files``: the sandbox of a container or executor, which agents keep for a while after its end."""

import stat
from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scheduler.access.permissions import Permission
from scheduler.api.errors import json_response
from scheduler.api.inside import queries
from scheduler.api.inside.guard import Guard
from scheduler.api.inside.streams import BYTES, streaming
from scheduler.api.inside.tails import PIECE
from scheduler.api.inside.targets import one_executor, one_target
from scheduler.api.needs import on_pod
from scheduler.api.pods import existing_pod
from scheduler.api.routes import routes
from scheduler.core.world import World
from scheduler.loop.inside import FileInfo, Inside, Run
from scheduler.model.json import Json
from scheduler.model.times import timestamp

_LARGEST_FILE = 2**63 - 1
# A browser must not run what a container wrote as if it came from the scheduler.
_HARMLESS = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"}


class Files:
    """The routes."""

    def __init__(self, world: World, inside: Inside, guard: Guard) -> None:
        self._world = world
        self._inside = inside
        self._guard = guard

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            *routes("/v2/pods/{pod_id:path}::files", self.index, ["GET"], needs=on_pod(Permission.FILES)),
            *routes("/v2/pods/{pod_id:path}::files/read", self.read, ["GET"], needs=on_pod(Permission.FILES)),
        ]

    async def index(self, request: Request, pod_id: str) -> Response:
        """List a directory."""
        path = queries.path(request, required=False)
        run = await self._run(pod_id, request, path)
        return json_response([_shown(each) for each in await self._inside.list_files(run, path)])

    async def read(self, request: Request, pod_id: str) -> Response:
        """Read a file, or part of it."""
        path = queries.path(request, required=True)
        offset = queries.number(request, "offset", _LARGEST_FILE) or 0
        length = queries.number(request, "length", _LARGEST_FILE)
        run = await self._run(pod_id, request, path)
        return await streaming(self._pieces(request, run, path, offset, length), BYTES, _HARMLESS)

    async def _run(self, pod_id: str, request: Request, path: str) -> Run:
        pod = existing_pod(self._world, pod_id)
        instance = queries.text(request, "instance")
        if queries.executor(request):
            target = one_executor(self._world, pod, instance)
        else:
            target = one_target(self._world, pod, instance, queries.text(request, "container"))
        self._guard.permit(request, Permission.FILES, pod.id, instance=target.instance_id, path=path, **target.origin)
        return await target.run(self._inside)

    async def _pieces(
        self, request: Request, run: Run, path: str, offset: int, length: int | None
    ) -> AsyncGenerator[bytes]:
        """The file up to its end when reading started, so that a growing file does not keep this going."""
        with self._guard.place(request):
            end = _LARGEST_FILE if length is None else offset + length
            while True:
                piece = await self._guard.unless_stopping(
                    self._inside.read_file(run, path, offset, min(end - offset, PIECE))
                )
                end = min(end, piece.size)
                offset += len(piece.data)
                yield piece.data
                if offset >= end or not piece.data:
                    return


def _shown(file: FileInfo) -> Json:
    return {
        "name": file.name,
        "kind": "directory" if stat.S_ISDIR(file.mode) else "file" if stat.S_ISREG(file.mode) else "other",
        "mode": stat.filemode(file.mode),
        "size": file.size,
        "modified": timestamp(file.modified),
        "user": file.user,
        "group": file.group,
    }
