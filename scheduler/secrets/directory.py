"""A source of secrets in files, below a directory that only the scheduler's user can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from scheduler.loop.ports import SecretError
from scheduler.secrets.base import LARGEST

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DirectorySource:
    """``/db/password`` is the file ``db/password`` of the directory, byte for byte.

    Symbolic links are followed as long as they stay inside. Files that group or others can access are refused, at the
    start and again at every read, since files may be added and changed.
    """

    def __init__(self, folder: Path) -> None:
        """Check the whole directory. Raises SecretError for anything that others can access."""
        try:
            self._root = folder.resolve(strict=True)
        except OSError as error:
            raise SecretError(f"cannot open the directory {folder}: {error.strerror}") from error
        if not self._root.is_dir():
            raise SecretError(f"{folder} is not a directory")
        for path in (self._root, *_below(self._root)):
            _require_private(path, path.lstat())

    def value(self, source: str) -> bytes:
        """The content of the secret's file. Raises SecretError."""
        path = self._path(source)
        for folder in path.parents:
            if folder.is_relative_to(self._root):
                _require_private(folder, folder.lstat())
        return _read(path)

    def _path(self, source: str) -> Path:
        """The file's real path, without symbolic links."""
        names = source.strip("/").split("/")
        if "\0" in source or not {"", ".", ".."}.isdisjoint(names):
            raise SecretError("it is not a path of a file: a name in it is empty, '.' or '..'")
        asked = self._root.joinpath(*names)
        try:
            path = asked.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError):
            raise SecretError(f"there is no file {asked}") from None
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before CPython 3.13
            raise SecretError(f"cannot find the file {asked}: {error}") from None
        if not path.is_relative_to(self._root):
            raise SecretError(f"{asked} leads out of {self._root}")
        return path


def _below(folder: Path) -> Iterator[Path]:
    """All files and directories, without symbolic links, whose targets are checked where they are."""

    def refuse(error: OSError) -> None:
        raise SecretError(f"cannot read {error.filename}: {error.strerror}") from error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                yield path


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_opener) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{path} is not a file")
            _require_private(path, status)
            if status.st_size > LARGEST:
                raise SecretError(f"{path} is larger than {LARGEST} bytes")
            return file.read(LARGEST)
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}") from None


def _opener(path: str, flags: int) -> int:
    """Open without waiting for a pipe's writer, and without following a link that was put there meanwhile."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise SecretError(f"{path} has mode {mode:04o}, so others can access it; run chmod go= {path}")
