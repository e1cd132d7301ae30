"""A room for machines: namespaces and control groups of their own, of which nothing stays, however the test ends.

A room is a process in new namespaces (mount, network, pid) that does nothing. All else is started inside: when that
process ends, the kernel ends everything in the room, and removes its mounts and its network. What the kernel does not
remove, control groups and a folder, is removed by a janitor: a process that outlives the test's, and notices its end.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

CGROUPS = Path("/sys/fs/cgroup")
# Of cgroup v1; in the others Mesos makes no groups.
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "freezer", "devices", "blkio", "systemd")
_BRIDGE = "machines"
_SETUP = f"""
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock
ip link set lo up
ip link add {_BRIDGE} type bridge
ip link set {_BRIDGE} up
echo ready
# Collects what nobody else does: an agent waits until the process of a container is gone.
sleep infinity & wait
"""


class Room:
    """A place in which machines can be booted."""

    def __init__(self, folder: Path) -> None:
        """``folder``: exists, and is removed with the room."""
        self.folder = folder
        self.name = f"podexec-room-{os.getpid()}"
        self.bridge = _BRIDGE
        self._programs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Make the room."""
        self._janitor = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("janitor.py"), self.name, self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,  # Ctrl-C is not meant for it
        )
        # With the test's process, `unshare` ends, and with that the room.
        words = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child")
        self._keeper = subprocess.Popen(
            [*words, "sh", "-euc", _SETUP],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        assert self._keeper.stdout is not None
        if (said := self._keeper.stdout.readline()) != "ready\n":
            self.__exit__(None, None, None)
            raise AssertionError(f"the room for machines could not be made: {said}")
        (self._inside,) = psutil.Process(self._keeper.pid).children()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End everything in the room, and let the janitor clean up."""
        self._keeper.kill()
        self._keeper.communicate()
        for program in self._programs:
            program.wait(timeout=60)
        said, _ = self._janitor.communicate(timeout=600)  # half an hour of the fault bench leaves 100,000 files
        assert self._janitor.returncode == 0, f"something of the room stays behind: {said}"

    def popen(self, words: Sequence[str | Path], group: str, log: Path | None) -> subprocess.Popen[bytes]:
        """Start a program in the room, in control groups of its own.

        Without a log it has this process's output, and starts with SIGINT ignored: Ctrl-C then is for it to handle.
        """
        join = "".join(
            f"mkdir -p '{path}' && echo $$ > '{path}/cgroup.procs' && "
            for controller in CONTROLLERS
            if (path := CGROUPS / controller / self.name / group).parents[1].is_dir()
        )
        trap = "trap '' INT;" if log is None else ""
        enter = ("nsenter", f"--target={self._inside.pid}", "--mount", "--net", "--pid")
        with nullcontext() if log is None else log.open("wb") as output:
            program = subprocess.Popen(
                ["sh", "-euc", f'{trap} {join} exec "$@"', "sh", *enter, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
            )
        self._programs.append(program)
        return program
