"""Packs local files for a container, as a tar stream.

Links are packed as links. Nothing is opened through one, even if the files change meanwhile, and what is neither file,
directory nor link ends the copy. Owners and set-user-ID bits are left out: ``tar`` in the container may run as root.
"""

import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

from localmesos.libexec.unpacking import shown
from scheduler.cli.errors import CommandError
from scheduler.cli.inside.arrival import directory, entries

_CHUNK = 64 * 1024


def packed(source: Path, name: str) -> Iterator[bytes]:
    """A tar stream; a thread produces it, ahead by what a pipe holds. Raises CommandError."""
    reader, writer = os.pipe()
    failures: list[Exception] = []

    def pack() -> None:
        try:
            with os.fdopen(writer, "wb") as file, tarfile.open(fileobj=file, mode="w|") as archive:
                _add(archive, None, str(source), name)
        except (OSError, RecursionError, ValueError, tarfile.TarError) as error:
            failures.append(error)

    thread = threading.Thread(target=pack, daemon=True)
    with os.fdopen(reader, "rb", buffering=0) as file:
        thread.start()
        while chunk := file.read(_CHUNK):
            yield chunk
        thread.join()
    if failures:
        raise CommandError(f"cannot read {source}: {failures[0]}")


def _add(archive: tarfile.TarFile, parent: int | None, path: str, name: str) -> None:
    """Add an entry of a directory, and what is in it."""
    entry = os.stat(path, dir_fd=parent, follow_symlinks=False)
    header = tarfile.TarInfo(name)
    header.mode, header.mtime = entry.st_mode & 0o777, int(entry.st_mtime)
    if stat.S_ISLNK(entry.st_mode):
        header.type, header.linkname = tarfile.SYMTYPE, os.readlink(path, dir_fd=parent)
        archive.addfile(header)
    elif stat.S_ISDIR(entry.st_mode):
        header.type = tarfile.DIRTYPE
        archive.addfile(header)
        with directory(path, parent) as here:
            for each in entries(here):
                _add(archive, here, each, f"{name}/{each}")
    elif stat.S_ISREG(entry.st_mode):
        _add_file(archive, parent, path, header)
    else:
        raise ValueError(f"{shown(path)} is not a file, directory or link")


def _add_file(archive: tarfile.TarFile, parent: int | None, path: str, header: tarfile.TarInfo) -> None:
    # What has become a pipe meanwhile would block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        found = archive.gettarinfo(arcname=header.name, fileobj=file)  # a further name of a file is a hard link
        if not found.isreg() and not found.islnk():
            raise ValueError(f"{shown(path)} was replaced while it was read")
        header.type, header.linkname, header.size = found.type, found.linkname, found.size
        archive.addfile(header, file)
