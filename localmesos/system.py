"""Commands of the operating system: running them and knowing which there are."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from localmesos.errors import ClusterError

TOOLS = ("ip", "iptables", "nsenter", "tar")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; as root, ones that every user may enter, as tasks run as any of them."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:  # whatever this process's umask
        folder.chmod(0o755)


def shut_out_at(folder: Path) -> Path | None:
    """The folder, of this one and those above it, that not every user may enter; None: they may enter all."""
    return next((each for each in (folder, *folder.parents) if not each.stat().st_mode & 0o001), None)


def search_path() -> str:
    """PATH with the folders of system administration, which a user's PATH may lack."""
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def tools() -> frozenset[str]:
    """Those of the tools we use that are installed."""
    return frozenset(tool for tool in TOOLS if shutil.which(tool, path=search_path()))


def attempt(command: Sequence[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that is installed and may fail."""
    environment = {**os.environ, "PATH": search_path()}
    return subprocess.run(command, input=given, capture_output=True, text=True, env=environment, check=False)


def succeeds(*command: str) -> bool:
    """Run a command for its exit status alone."""
    return attempt(command).returncode == 0


def run(*command: str, given: str | None = None) -> str:
    """Run a command that has to succeed, and return what it prints."""
    done = attempt(command, given)
    if done.returncode != 0:
        raise ClusterError(f"`{shlex.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
