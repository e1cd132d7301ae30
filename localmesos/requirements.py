"""What a local Mesos needs of this machine, and whether it has it."""

from __future__ import annotations

import shlex

from localmesos import apt, package
from localmesos import level as levels
from localmesos.errors import ClusterError

# A local Mesos runs without these: the first is for this project's own environment, the second for images only.
_NOT_NEEDED = {"python3-venv", "tar"}
_TO_BUILD = {"g++", "binutils"}


def obstacle(level: str | None = None) -> str:
    """Why a local Mesos cannot run here, at this level or at any, and what helps; empty if it can.

    Whether Mesos can be downloaded, if it has not been yet, is not known before it is tried.
    """
    try:
        package.require_platform()
        if level is not None:
            levels.choose(levels.probe(), level)
    except ClusterError as error:
        return str(error)
    not_needed = _NOT_NEEDED | (_TO_BUILD if package.is_built() else set())
    missing = tuple(name for name in apt.missing(root=False) if name not in not_needed)
    if not missing:
        return ""
    return f"this machine lacks {', '.join(missing)}; on Debian: {shlex.join(apt.install_command(missing))}"
