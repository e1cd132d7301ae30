"""``/executor/SHA256``: the executor's file, for the agents that start it.

It needs no credentials, as agents have none, and the file is no secret. The path names the content, so that agents may
keep it; any other is 404. The file stays open: it may be replaced by another release while this scheduler runs.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from scheduler.api.errors import ApiError
from scheduler.api.routes import READING

PREFIX = "/executor/"
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class ExecutorFile:
    """An open file, and what it starts with; it may no longer be at its path."""

    descriptor: int
    sha256: str
    start: bytes

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file. Raises OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with open(descriptor, "rb", closefd=False) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(descriptor, sha256, os.pread(descriptor, 16, 0))

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)


class _Content(FileResponse):
    chunk_size = 1024 * 1024


def executor_routes(file: ExecutorFile | None) -> list[Route]:
    """The route; without a file nothing is there."""

    async def answer(request: Request) -> Response:
        if file is None or request.path_params["sha256"] != file.sha256:
            raise ApiError(404, {"message": "This is not the executor that this scheduler serves"})
        headers = {"Cache-Control": _FOREVER, "ETag": f'"{file.sha256}"'}
        return _Content(f"/proc/self/fd/{file.descriptor}", headers=headers, media_type="application/octet-stream")

    # It shows nothing of the world, so it does not wait for the store.
    return [Route(PREFIX + "{sha256}", answer, methods=READING)]
