"""Secrets in files, one each, below a directory that only the scheduler's user can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from scheduler.loop.ports import SecretError
from scheduler.secrets.base import LARGEST

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DirectorySource:
    """``/db/password`` is the file ``db/password`` of the directory, byte for byte.

    Symbolic links are followed as long as they stay inside. What group or others may touch is refused: at the start,
    and again at every read, for files come and change.
    """

    def __init__(self, folder: Path) -> None:
        """Look through all of it. Raises SecretError for what others can touch."""
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
        """The file itself, no link on the way to it."""
        names = source.strip("/").split("/")
        if "\0" in source or not {"", ".", ".."}.isdisjoint(names):
            raise SecretError("it is no path of a file: a name in it is empty, '.' or '..'")
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
    """Files and directories; a link counts as what it leads to, which is looked at where it lies."""

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
    """Do not wait for the writer of a pipe, nor follow what has become a link since it was looked at."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_mode & _OTHERS:
        mode = stat.S_IMODE(status.st_mode)
        raise SecretError(f"{path} has mode {mode:04o}, others than its owner can touch it: chmod go= {path}")
