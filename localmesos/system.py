"""Runs commands of the operating system, finds installed ones, and makes folders."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from localmesos.errors import ClusterError

TOOLS = ("ip", "iptables", "nft", "nsenter", "tar")


def make_folder(folder: Path) -> None:
    """Make a folder and its parents; as root, every user may enter them, because tasks run as any user."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:  # independent of the umask
        folder.chmod(0o755)


def shut_out_at(folder: Path) -> Path | None:
    """The first of the folder and its parents that not every user may enter; None if there is none."""
    return next((each for each in (folder, *folder.parents) if not each.stat().st_mode & 0o001), None)


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold a lock between processes, by a file that stays; it ends with the process."""
    make_folder(lock.parent)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def search_path() -> str:
    """PATH and the sbin folders, which a user's PATH may lack."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def tools() -> frozenset[str]:
    """The tools in TOOLS that are installed."""
    return frozenset(tool for tool in TOOLS if shutil.which(tool, path=search_path()))


def attempt(command: Sequence[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run an installed command, which may fail."""
    environment = {**os.environ, "PATH": search_path()}
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)


def succeeds(*command: str) -> bool:
    """Run a command and return whether it succeeded."""
    return attempt(command).returncode == 0


def run(*command: str, given: str | None = None) -> str:
    """Run a command and return its output. Raises ClusterError if it fails."""
    done = attempt(command, given)
    if done.returncode != 0:
        raise ClusterError(f"`{shlex.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
