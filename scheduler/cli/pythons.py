"""Chooses the Python of this machine that runs the executors of a local Mesos.

Executors run as their pods' users, and only root can enter root's home, where a Python may well be installed.
"""

import os
import shutil
import subprocess
import sys
from functools import cache

OLDEST = (3, 11)
_NOBODY = 65534  # a user that owns nothing
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(19, OLDEST[1] - 1, -1)))
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PATIENCE = 20.0
# The modules of the standard library that the executor needs to start.
_PROBE = f"import sys, json, zipfile, socket; sys.exit(sys.version_info < {OLDEST})"


@cache
def executor_python() -> str:
    """The path of a Python that every user may run: this process's own, else the system's, else this process's own.

    If this is not root, agents cannot switch users, so its own will do.
    """
    # Agents know nothing of a virtual environment.
    own: str = getattr(sys, "_base_executable", sys.executable)
    if os.geteuid() != 0:
        return own
    found = (shutil.which(name, path=_SYSTEM_PATH) for name in _NAMES)
    return next((path for path in (own, *found) if path and runs_for_everybody(path)), own)


def users_left_out() -> str | None:
    """Why pods of other users cannot run with that Python; None: they can, or agents cannot switch users."""
    if os.geteuid() != 0 or runs_for_everybody(executor_python()):
        return None
    oldest = ".".join(map(str, OLDEST))
    return (
        f"pods with a user other than root cannot run: only root may run {executor_python()}, and there is no other "
        f"Python {oldest} or later; on Debian: apt-get install python3"
    )


@cache
def runs_for_everybody(path: str) -> bool:
    """Whether a user that owns nothing can run this Python, and it is 3.11 or later. Only root can find out."""
    try:
        done = subprocess.run(
            [path, "-I", "-S", "-c", _PROBE],
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=(),
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
