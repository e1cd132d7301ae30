"""``podexec pod cp``: copies between this machine and a container, as tar streams."""

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
    """A path in a container of a pod."""

    pod_id: str
    path: str


def place(text: str) -> Remote | Path:
    """``ID:PATH``, or a local path. A local path that contains a colon is written ``./a:b``."""
    pod_id, colon, path = text.partition(":")
    if not colon or text.startswith(("./", "../")) or not pod_id.strip("/") or not is_path(pod_id):
        return Path(text)
    if not path:
        raise CommandError(f"{text!r} has no path in the container", code=2)
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
    stream = _Readable(client.packed(source.pod_id, {**query, "path": source.path}))
    name = posixpath.basename(source.path.rstrip("/")) or "."
    is_into = target.is_dir()
    where = target if is_into else target.parent
    top = ([] if name == "." else [name]) if is_into else [target.name]

    def renamed(member: str) -> str:
        parts = components(member)
        if name != ".":
            if parts[:1] != [name]:
                raise UnpackError(f"the container sent {shown(member)}, which is not part of {source.path}")
            del parts[0]
        return "/".join([*top, *parts])

    try:
        with contextlib.closing(stream), Folder(where, links_stay=True) as folder:
            unpack_tar(io.BufferedReader(stream), folder, renamed)
            stream.drain()  # an interrupted response is noticed only at its end
    except (OSError, UnpackError) as error:
        raise CommandError(f"cannot write {target}: {error}") from error


def _put(client: InsideClient, source: Path, target: Remote, query: Query) -> None:
    """Copy into the container. A target that ends in a slash is a directory to copy into; any other is the new name."""
    if not source.exists():
        raise CommandError(f"{source} does not exist", code=2)
    where, name = posixpath.split(target.path)
    name = name or source.absolute().name
    client.unpack(target.pod_id, {**query, "path": where or "."}, _packed(source, name))


def _packed(source: Path, name: str) -> Iterator[bytes]:
    """A tar stream; a thread produces it, ahead by what a pipe holds."""
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
        """Read and discard the rest."""
        self._rest = b""
        for _ in self._chunks:
            pass
