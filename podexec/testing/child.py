"""Runs a program that is killed when the process that started it ends: PARENT is the pid of that process.

    python -P -m podexec.testing.child PARENT PROGRAM ARGUMENT...

Without it, the scheduler of a killed test run would stay connected to an existing cluster, and its pods would run on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); kept by execve(2)


def main(parent: str, program: str, *arguments: str) -> None:
    """Become the program. Where there is no prctl, it outlives its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(parent):
            sys.exit("the process that wanted this program has ended")
    os.execv(program, (program, *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
