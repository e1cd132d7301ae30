"""Tells when the kernel has released removed control groups, in the hierarchy of the CPU quotas (cgroup v1).

It only reads. ``/proc/cgroups`` counts a group until the kernel has freed it, shortly after a removed child no longer
counts in the quotas; the directory disappears as soon as the group is removed. So if there are as many groups as
directories, no removed group is left.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

_COUNTS: Final = "/proc/cgroups"
_OWN: Final = "/proc/self/cgroup"
_MOUNTS: Final = "/proc/self/mountinfo"
_FIRST_PAUSE: Final = 0.02
# Counting the directories of more groups would cost an executor too much of its CPU time.
_MOST_GROUPS: Final = 512


def all_removed_are_released(within: float, stop: threading.Event) -> bool:
    """Wait until no removed group is left. Returns False if that is not seen in ``within`` seconds or cannot be seen.

    On a machine where groups come and go all the time there may always be one.
    """
    deadline = time.monotonic() + within
    pause = _FIRST_PAUSE
    try:
        if not _has_quotas():
            return True
        root = _root()
        while root is not None and time.monotonic() < deadline:
            if _none_removed(root):
                return True
            if stop.wait(pause):
                return False
            pause *= 2
    except (OSError, ValueError, LookupError):
        return False  # a kernel, or a view of /proc, that this code does not know
    return False


def _has_quotas() -> bool:
    """Whether the hierarchy exists at all: with cgroup v2, removed groups do not count in quotas."""
    return any("cpu" in line.split(":")[1].split(",") for line in _lines(_OWN))


def _root() -> str | None:
    """The mount point of the whole hierarchy; None if this mount namespace has none."""
    for line in _lines(_MOUNTS):
        mount, _, kind = line.partition(" - ")
        fields, (of_type, _, options) = mount.split(" "), kind.split(" ", 2)
        if of_type == "cgroup" and "cpu" in options.split(",") and fields[3] == "/":
            return fields[4]
    return None


def _none_removed(root: str) -> bool:
    """Compare counts. The kernel's is read before and after, as others create and remove groups meanwhile."""
    count = _count()
    try:
        return count <= _MOST_GROUPS and _directories(root) == count == _count()
    except FileNotFoundError:
        return False


def _count() -> int:
    """Number of groups that the kernel has in the hierarchy. Raises ValueError if it does not say."""
    for line in _lines(_COUNTS):
        if line.startswith("cpu\t"):
            return int(line.split("\t")[2])
    raise ValueError("the kernel does not count the groups of the cpu controller")


def _directories(path: str) -> int:
    """Number of directories: this one and all below it."""
    with os.scandir(path) as entries:
        return 1 + sum(_directories(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))


def _lines(path: str) -> list[str]:
    with open(path, errors="surrogateescape") as file:
        return file.read().splitlines()
