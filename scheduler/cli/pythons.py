"""Which Python of this machine runs the executors of a local Mesos.

Executors run as their pods' users, and none but root enters root's home, where a Python may well be.
"""

import os
import shutil
import subprocess
import sys
from functools import cache

OLDEST = (3, 11)
_NOBODY = 65534  # a user to whom nothing belongs
_NAMES = ("python3", *(f"python3.{minor}" for minor in range(19, OLDEST[1] - 1, -1)))
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_PATIENCE = 20.0
# All that the executor's start needs of the standard library besides the interpreter itself.
_PROBE = f"import sys, json, zipfile, socket; sys.exit(sys.version_info < {OLDEST})"


@cache
def executor_python() -> str:
    """The path of one that every user may run: this one's own, else the system's; this one's if there is none.

    As another user than root there are no other users: agents cannot switch.
    """
    # Agents know nothing of a virtual environment.
    own: str = getattr(sys, "_base_executable", sys.executable)
    if os.geteuid() != 0:
        return own
    found = (shutil.which(name, path=_SYSTEM_PATH) for name in _NAMES)
    return next((path for path in (own, *found) if path and runs_for_everybody(path)), own)


def users_left_out() -> str | None:
    """A line that says why pods of other users cannot run with that Python; None: they can, or nobody can switch."""
    if os.geteuid() != 0 or runs_for_everybody(executor_python()):
        return None
    oldest = ".".join(map(str, OLDEST))
    return (
        f"only root may run {executor_python()}, and there is no other Python {oldest} or later: "
        "pods with another user cannot run; on Debian: apt-get install python3"
    )


@cache
def runs_for_everybody(path: str) -> bool:
    """Whether a user to whom nothing belongs can run the Python, and it is no older than 3.11. Only root can ask."""
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
