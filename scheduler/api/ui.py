"""``/ui/``: the web interface, a page and its scripts. docs/ui.md describes it.

They need no credentials: whoever opens the page must see the form to log in, and the files are no secret. The files
are made by the build, which needs Node; without them, the page says what is missing. Names of files below ``assets/``
contain a digest of their contents, so they may be cached forever.
"""

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from scheduler.api.errors import ApiError
from scheduler.api.routes import READING

PREFIX: Final = "/ui/"
_OPEN: Final = frozenset({"/", "/ui"})
FILES: Final = Path(__file__).with_name("ui_files")
_PAGE: Final = "index.html"
_FOREVER: Final = "public, max-age=31536000, immutable"
_ALWAYS_ASKED: Final = "no-cache"
# Nothing but this scheduler's own files, no script or style within the page, no frame around it.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_SAFE: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SMALLEST_COMPRESSED: Final = 1024  # bytes
_MISSING: Final = (
    "The web interface is not part of this installation: it is made when podexec is built, which needs Node.js "
    "20.19 or later, or access to a Python package index. Install a release, or run “make setup” again. "
    "Everything else works without it."
)


@dataclass(frozen=True)
class _File:
    content: bytes
    media_type: str
    is_permanent: bool

    @cached_property
    def compressed(self) -> bytes | None:
        """None: it does not pay."""
        if len(self.content) < _SMALLEST_COMPRESSED or self.media_type.startswith("font/"):
            return None
        return gzip.compress(self.content, mtime=0)


def is_open(path: str) -> bool:
    """Whether a path needs no credentials, as it belongs to the interface itself."""
    return path in _OPEN or path.startswith(PREFIX)


def ui_routes(folder: Path = FILES) -> list[Route]:
    """The routes; without files in the folder, a page that says so."""
    files = _read(folder)

    async def answer(request: Request) -> Response:
        name = request.path_params["path"] or _PAGE
        if not files and name == _PAGE:
            return Response(_note(_MISSING), 404, _SAFE | {"Cache-Control": _ALWAYS_ASKED}, "text/html")
        file = files.get(name)
        if file is None:
            raise ApiError(404, {"message": f"The web interface has no file '{name}'"})
        headers = _SAFE | {"Cache-Control": _FOREVER if file.is_permanent else _ALWAYS_ASKED, "Vary": "Accept-Encoding"}
        if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(file.compressed, headers=headers, media_type=file.media_type)
        return Response(file.content, headers=headers, media_type=file.media_type)

    async def to_page(request: Request) -> Response:
        # Relative, as a proxy may have put a prefix before the path.
        return RedirectResponse(PREFIX.lstrip("/"), 302, _SAFE | {"Cache-Control": _ALWAYS_ASKED})

    # They show nothing of the world, so they do not wait for the store.
    return [
        *(Route(path, to_page, methods=READING) for path in sorted(_OPEN)),
        Route(PREFIX + "{path:path}", answer, methods=READING),
    ]


def _read(folder: Path) -> Mapping[str, _File]:
    """The files by their names, relative to the folder, without those that start with a dot."""
    found = {}
    for path in sorted(folder.rglob("*")) if (folder / _PAGE).is_file() else ():
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix != ".sha256":  # which says of what sources they are made
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            found[name] = _File(path.read_bytes(), kind, name.startswith("assets/"))
    return found


def _note(text: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>podexec</title></head>'
        f'<body><h1>podexec</h1><p>{escape(text)}</p><p><a href="../docs">The API</a></p></body></html>'
    )
