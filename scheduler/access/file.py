"""The principals file on disk: only its owner may read it, and it is replaced in one piece."""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from scheduler.access.principals import LARGEST_FILE, Principals, PrincipalsError, read, rendered

_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO in the file's place must not make this wait


def load(file: Path) -> tuple[Principals, os.stat_result]:
    """The contents, and the file's status. Raises OSError, or PrincipalsError if it is not valid or not private."""
    with os.fdopen(os.open(file, _AT_ONCE), "rb") as opened:
        seen = os.fstat(opened.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise PrincipalsError("it is not a regular file")
        if seen.st_mode & _FOR_OTHERS:
            raise PrincipalsError(f"others than its owner may use it ({stat.filemode(seen.st_mode)}): chmod 600 it")
        return read(opened.read(LARGEST_FILE + 1)), seen


def version(seen: os.stat_result) -> tuple[int, ...]:
    """What changes when the file does."""
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_size, seen.st_mode


@contextlib.contextmanager
def locked(file: Path) -> Iterator[Path]:
    """Keep other processes from changing the file meanwhile; yields it without symbolic links. Raises OSError."""
    file = file.resolve()
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(folder)


def replace(file: Path, principals: Principals) -> None:
    """Put new contents in the place of the file's, whose owner stays. Raises OSError or PrincipalsError."""
    content = rendered(principals)
    read(content)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # only its owner may read it
    try:
        with os.fdopen(descriptor, "wb") as new:
            with contextlib.suppress(FileNotFoundError):
                old = file.stat()
                if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(new.fileno(), old.st_uid, old.st_gid)
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink()
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
