"""``podexec pod cp``: between this machine and a container, as tar streams that are made and read on the way."""

import contextlib
import io
import os
import posixpath
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from localmesos.libexec.unpacking import Folder, UnpackError, components, shown, unpack_tar
from scheduler.cli.errors import CommandError
from scheduler.cli.inside.client import InsideClient, Query
from scheduler.model.ids import is_path

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Remote:
    """A place in a container."""

    pod_id: str
    path: str


def place(text: str) -> Remote | Path:
    """``ID:PATH``, or a path here. One with a colon in it is written ``./a:b``."""
    pod_id, colon, path = text.partition(":")
    if not colon or text.startswith(("./", "../")) or not pod_id.strip("/") or not is_path(pod_id):
        return Path(text)
    if not path:
        raise CommandError(f"{text!r} names no path in the container", code=2)
    return Remote(pod_id, path)


def copy(client: InsideClient, source: str, target: str, query: Query) -> None:
    """Copy a file or a directory. Raises CommandError."""
    match place(source), place(target):
        case Remote() as remote, Path() as local:
            _fetch(client, remote, local, query)
        case Path() as local, Remote() as remote:
            _put(client, local, remote, query)
        case _:
            raise CommandError("one of the two places must be ID:PATH, and the other be here", code=2)


def _fetch(client: InsideClient, source: Remote, target: Path, query: Query) -> None:
    """Copy out of the container. What is copied into a directory keeps its name."""
    stream = _Readable(client.packed(source.pod_id, {**query, "path": source.path}))
    name = posixpath.basename(source.path.rstrip("/")) or "."
    is_into = target.is_dir()
    where = target if is_into else target.parent
    top = ([] if name == "." else [name]) if is_into else [target.name]

    def renamed(member: str) -> str:
        parts = components(member)
        if name != ".":
            if parts[:1] != [name]:
                raise UnpackError(f"the container sent {shown(member)}, which is no part of {source.path}")
            del parts[0]
        return "/".join([*top, *parts])

    try:
        with contextlib.closing(stream), Folder(where, links_stay=True) as folder:
            unpack_tar(io.BufferedReader(stream), folder, renamed)
            stream.drain()  # that the scheduler broke off shows at the end only
    except (OSError, UnpackError) as error:
        raise CommandError(f"cannot write {target}: {error}") from error


def _put(client: InsideClient, source: Path, target: Remote, query: Query) -> None:
    """A path that ends in a slash is a directory into which it goes; any other is its new name."""
    if not source.exists():
        raise CommandError(f"there is no {source}", code=2)
    where, name = posixpath.split(target.path)
    name = name or source.absolute().name
    client.unpack(target.pod_id, {**query, "path": where or "."}, _packed(source, name))


def _packed(source: Path, name: str) -> Iterator[bytes]:
    """A tar stream, made by a thread as far ahead as a pipe holds."""
    reader, writer = os.pipe()
    failures: list[BaseException] = []

    def pack() -> None:
        try:
            with os.fdopen(writer, "wb") as file, tarfile.open(fileobj=file, mode="w|") as archive:
                archive.add(source, arcname=name)
        except (OSError, tarfile.TarError) as error:
            failures.append(error)

    thread = threading.Thread(target=pack, daemon=True)
    with os.fdopen(reader, "rb", buffering=0) as file:
        thread.start()
        while chunk := file.read(_CHUNK):
            yield chunk
        thread.join()
    if failures:
        raise CommandError(f"cannot read {source}: {failures[0]}")


class _Readable(io.RawIOBase):
    """Chunks as a file."""

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
        """To the end."""
        self._rest = b""
        for _ in self._chunks:
            pass
