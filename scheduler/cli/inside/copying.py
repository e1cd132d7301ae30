"""``podexec pod cp``: copies between this machine and a container, as tar streams."""

import contextlib
import io
import os
import posixpath
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localmesos.libexec.unpacking import Folder, UnpackError, components, shown, unpack_tar
from scheduler.cli.errors import CommandError
from scheduler.cli.inside.arrival import directory, entries, join, move, staging
from scheduler.cli.inside.client import InsideClient, Query
from scheduler.cli.inside.packing import packed
from scheduler.model.ids import is_path

_WHOLE = "copy"  # the name of what has none of its own, until it is in its place
_MOST_PADDING = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Remote:
    """A path in a container of a pod."""

    pod_id: str
    path: str


def place(text: str) -> Remote | Path:
    """``ID:PATH``, or a local path. A local path that contains a colon is written ``./a:b``."""
    pod_id, colon, path = text.partition(":")
    if not colon or text.startswith(("./", "../")) or not pod_id.strip("/") or not is_path(pod_id):
        return Path(text)
    if not path:
        raise CommandError(f"{text!r} has no path after the colon: write ID:PATH", code=2)
    return Remote(pod_id, path)


def copy(client: InsideClient, source: str, target: str, query: Query) -> None:
    """Copy a file or a directory. Raises CommandError."""
    match place(source), place(target):
        case Remote() as remote, Path() as local:
            _fetch(client, remote, local, query)
        case Path() as local, Remote() as remote:
            _put(client, local, remote, query)
        case _:
            raise CommandError("one of SRC and DST must be ID:PATH, the other a local path", code=2)


def _fetch(client: InsideClient, source: Remote, target: Path, query: Query) -> None:
    """Copy out of the container. If ``target`` is a directory, the copy is put into it under the same name."""
    name = posixpath.basename(source.path.rstrip("/")) or "."
    is_into = target.is_dir()
    where, new = (target, name) if is_into else (target.parent, target.name)
    top = _WHOLE if new == "." else new
    chunks = client.packed(source.pod_id, {**query, "path": source.path})
    try:
        with (
            _ended_by_signals(),
            contextlib.closing(chunks),
            directory(where) as place,
            staging(place) as apart,
        ):
            _unpack(_Readable(chunks), Folder(apart, beside=place, links_stay=True, within=1), top, name, source)
            with directory(apart, place) as stage:
                if top not in entries(stage):
                    raise UnpackError("the container sent nothing")
                if new == ".":
                    join(stage, top, place)
                else:
                    move(stage, place, new)
    except (OSError, UnpackError) as error:
        raise CommandError(f"cannot write {target}: {error}") from error


def _unpack(stream: "_Readable", opened: Folder, top: str, name: str, source: Remote) -> None:
    """Unpack what was asked for, and nothing else, as ``top`` into a folder; ``name`` is its name in the container."""

    def renamed(member: str) -> str:
        parts = components(member)
        if name != ".":
            if parts[:1] != [name]:
                raise UnpackError(f"the container sent {shown(member)}, which is not part of {source.path}")
            del parts[0]
        return "/".join([top, *parts])

    with opened as folder:
        unpack_tar(io.BufferedReader(stream), folder, renamed)
        stream.drain()  # an interrupted response is noticed only at its end


def _put(client: InsideClient, source: Path, target: Remote, query: Query) -> None:
    """Copy into the container. A target that ends in a slash is a directory to copy into; any other is the new name."""
    if not source.exists():
        raise CommandError(f"{source} does not exist", code=2)
    where, name = posixpath.split(target.path)
    name = name or Path(os.path.normpath(source.absolute())).name
    if not name:
        raise CommandError(f"{source} has no name of its own: add one after {target.path}", code=2)
    client.unpack(target.pod_id, {**query, "path": where or "."}, packed(source, name))


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP, unless ignored, end the command as Ctrl-C does: nothing is left of an unfinished copy."""

    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Readable(io.RawIOBase):
    """A file object that reads from chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # the base says any buffer
        """The next bytes; 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def drain(self) -> None:
        """Read and discard the rest. Raises UnpackError if it is too long to be the padding of an archive."""
        left = _MOST_PADDING - len(self._rest)
        self._rest = b""
        for chunk in self._chunks:
            left -= len(chunk)
            if left < 0:
                raise UnpackError("the container kept sending after the end of the archive")
