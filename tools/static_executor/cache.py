"""What is downloaded once for all builds: podexec/static-executor in XDG_CACHE_HOME or ~/.cache."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def folder() -> Path:
    """The cache's folder, which exists."""
    base = os.environ.get("XDG_CACHE_HOME")
    found = (Path(base) if base else Path.home() / ".cache") / "podexec" / "static-executor"
    found.mkdir(parents=True, exist_ok=True)
    return found


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for other builders."""
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # it ends with the process
        yield


def once(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder of that name, filled first if it is not there; complete or absent, also with several builders."""
    target = folder() / name
    with one_at_a_time():
        if not target.is_dir():
            unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=target.parent))
            try:
                fill(unfinished)
                unfinished.rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return target
