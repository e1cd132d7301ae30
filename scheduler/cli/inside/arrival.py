"""Puts the files of a container in their place: unpacked apart first, then moved.

They are unpacked into a new directory next to their place, which nobody else may enter and which is removed at the end,
even if the copy fails or is interrupted. From there, files and links replace those of the same name, as with ``mv``,
and directories join those of the same name, as with ``cp -r``. Links in the place are never followed.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from localmesos.libexec.unpacking import UnpackError, shown

_MARK = ".podexec-cp-"


@contextlib.contextmanager
def directory(path: Path | str, beside: int | None = None) -> Iterator[int]:
    """A descriptor of a directory; if it is in the directory ``beside``, it is not opened through a link."""
    follow = os.O_NOFOLLOW if beside is not None else 0
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | follow, dir_fd=beside)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def entries(descriptor: int) -> list[str]:
    """The names in a directory, sorted."""
    with os.scandir(descriptor) as found:
        return sorted(each.name for each in found)


@contextlib.contextmanager
def staging(place: int) -> Iterator[str]:
    """The name of a new directory in a directory; it is removed with its content."""
    name = f"{_MARK}{secrets.token_hex(8)}"
    os.mkdir(name, 0o700, dir_fd=place)
    try:
        yield name
    finally:
        _remove(place, name)


def move(source: int, target: int, name: str) -> None:
    """Move an entry of a directory to another one, where it may join a directory of its name.

    Nothing is moved if a directory is in the place of a file, or the other way round. Raises UnpackError and OSError.
    """
    _require_same_kinds(source, target, name, name)
    _move(source, target, name)


def join(source: int, name: str, target: int) -> None:
    """Move what is in a directory of ``source`` into the directory ``target``. Raises UnpackError and OSError."""
    if not stat.S_ISDIR(_mode(source, name) or 0):
        raise UnpackError("the container sent a file instead of a directory")
    with _unlocked(source, name) as here:
        for each in entries(here):
            _require_same_kinds(here, target, each, each)
        for each in entries(here):
            _move(here, target, each)


def _require_same_kinds(source: int, target: int, name: str, what: str) -> None:
    there = _mode(target, name)
    if there is None:
        return
    is_directory = stat.S_ISDIR(_mode(source, name) or 0)
    if is_directory != stat.S_ISDIR(there):
        where = "in the container, but not here" if is_directory else "here, but not in the container"
        raise UnpackError(f"{shown(what)} is a directory {where}")
    if is_directory:
        with _unlocked(source, name) as here, directory(name, target) as below:
            for each in entries(here):
                _require_same_kinds(here, below, each, f"{what}/{each}")


def _move(source: int, target: int, name: str) -> None:
    mode = _mode(source, name) or 0
    if not stat.S_ISDIR(mode):
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
        return
    with _unlocked(source, name) as here:
        if _mode(target, name) is None:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
            os.fchmod(here, stat.S_IMODE(mode))
            return
        with directory(name, target) as below:
            for each in entries(here):
                _move(here, below, each)


def _unlocked(parent: int, name: str) -> contextlib.AbstractContextManager[int]:
    """Open a directory and let its owner change it, without which it can be neither moved nor emptied."""
    os.chmod(name, stat.S_IRWXU | stat.S_IMODE(_mode(parent, name) or 0), dir_fd=parent)
    return directory(name, parent)


def _mode(parent: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None


def _remove(parent: int, name: str) -> None:
    if not stat.S_ISDIR(_mode(parent, name) or 0):
        os.unlink(name, dir_fd=parent)
        return
    with _unlocked(parent, name) as here:
        for each in entries(here):
            _remove(here, each)
    os.rmdir(name, dir_fd=parent)
