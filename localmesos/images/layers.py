"""Checks a layer before agents unpack it as root: its digests, and that it is a whole tar archive with proper names."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from localmesos.images import formats
from localmesos.images.errors import ImageError
from localmesos.libexec import unpacking
from localmesos.libexec.unpacking import UnpackError, components, members, shown

ZSTD_BEGINNING = b"\x28\xb5\x2f\xfd"
_CHUNK = 1024 * 1024


class _Hashing(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._source.read(len(view))
        view[: len(data)] = data
        self.digest.update(data)
        return len(data)


def digest_of_file(path: Path) -> str:
    """The digest by which a file's content is named."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def check(path: Path, expected: str, what: str) -> None:
    """Raise ImageError unless the layer is a tar archive, compressed or not, whose content has the expected digest."""
    try:
        with _content(path) as stream:
            hashing = _Hashing(stream)
            buffered = io.BufferedReader(hashing, _CHUNK)
            for member in members(buffered):
                components(member.name.lstrip("/"))  # tar drops the slash, and refuses '..'
                if member.islnk():
                    components(member.linkname.lstrip("/"))
            while buffered.read(_CHUNK):
                pass
    except (UnpackError, OSError) as error:  # gzip raises OSError, too
        raise ImageError(f"{what} cannot be unpacked: {error}") from error
    if (found := f"sha256:{hashing.digest.hexdigest()}") != expected:
        raise ImageError(f"{what} does not have the content that the image says: {found}, not {shown(expected)}")


@contextmanager
def _content(path: Path) -> Iterator[IO[bytes]]:
    """The decompressed content of a layer."""
    with path.open("rb") as file:
        beginning = file.read(8)
    if not beginning.startswith(ZSTD_BEGINNING):
        with unpacking.decompressed(path, beginning) as stream:
            yield stream
        return
    if shutil.which("zstd") is None:
        raise UnpackError(formats.ZSTD_MISSING)
    with subprocess.Popen(("zstd", "-dcq", str(path)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        yield process.stdout
        if process.wait():
            raise UnpackError(process.stderr.read().decode(errors="replace").strip())
