"""Commands of the operating system: running them and knowing which there are."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from localmesos.errors import ClusterError

TOOLS = ("ip", "iptables", "nsenter", "tar")


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
