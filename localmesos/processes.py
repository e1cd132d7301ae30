"""The processes of a cluster: starts, recognises, finds and kills them.

A process is identified by its pid and its start time, so that another process with a reused pid is never touched.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from localmesos import vanishing
from localmesos.errors import ClusterError

KILL_DEADLINE_SECONDS = 10.0
POLL_SECONDS = 0.02
COMPANION = "PODEXEC_LOCAL_CLUSTER"  # variable that marks a program that ends with the cluster
PROGRAMS = {"mesos-master", "mesos-agent", "mesos-containerizer", "mesos-io-switchboard", "nsenter", "java"}

_children: set[int] = set()  # pids of processes that this one has started here, and whose end it has not collected


@dataclass(frozen=True, slots=True)
class Process:
    """One process, unique while the machine is up."""

    pid: int
    started: int  # clock ticks after boot

    def alive(self) -> bool:
        """Whether it is still running: not ended, not a zombie, and not another process with the same pid.

        While other threads of a killed process have not ended, its first thread is a zombie, but its sockets are open.
        """
        fields = stat_fields(self.pid)
        if fields is None or int(fields[19]) != self.started:
            return False
        state, threads = fields[0], int(fields[17])
        if state not in "ZX" or threads > 1:
            return True
        reap(self.pid)
        return False

    def kill(self) -> None:
        """Send SIGKILL, and wait for the end."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_DEADLINE_SECONDS
        while self.alive():
            if time.monotonic() > deadline:
                raise ClusterError(f"process {self.pid} still runs {KILL_DEADLINE_SECONDS:.0f} s after SIGKILL")
            time.sleep(POLL_SECONDS)


def stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat after the program's name, the state first; None if there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")  # a program's name may be any bytes
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def reap(pid: int) -> None:
    """Collect the exit status of an ended process that `start` started, so that it does not remain as a zombie.

    That of another child of this process is for whoever started it, such as a `subprocess.Popen`.
    """
    if pid in _children:
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has collected it
            ended = pid
        if ended:
            _children.discard(pid)


def identify(pid: int) -> Process:
    """The record of a running process. Raises ClusterError if it has ended."""
    fields = stat_fields(pid)
    if fields is None:
        raise ClusterError(f"there is no process {pid}")
    return Process(pid, int(fields[19]))


def start(command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> Process:
    """Start a program that outlives this process and its terminal; its output goes to the log."""
    pid = os.posix_spawnp(
        command[0],
        command,
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=[signal.SIGPIPE, signal.SIGINT],
    )
    _children.add(pid)
    return identify(pid)


def find(
    members: Iterable[Process], folder: Path, cgroup_pids: Iterable[int], namespaces: Iterable[Path]
) -> list[Process]:
    """All live processes of a cluster: its members, their descendants, and those that outlived them.

    The latter are found in the members' cgroups and network namespaces, by the pids that the agents checkpointed, and
    by the cluster's folder in a process's environment, command line or working directory.
    """
    inodes = {vanishing.inode(namespace) for namespace in namespaces} - {None}
    roots = {member.pid for member in members if member.alive()} | set(cgroup_pids) | checkpointed_pids(folder)
    pids = set(roots)
    ours = own_line()
    sessions = {session_of(pid) for pid in roots} - {None, session_of(os.getpid())}
    for process in psutil.process_iter():
        if session_of(process.pid) in sessions or belongs(process, folder) or network_of(process.pid) in inodes:
            pids.add(process.pid)
    for pid in list(pids):
        try:
            pids.update(child.pid for child in psutil.Process(pid).children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    found = [Process(pid, int(fields[19])) for pid in pids - ours if (fields := stat_fields(pid))]
    return [process for process in found if process.alive()]


def checkpointed_pids(folder: Path) -> set[int]:
    """Pids of containers, as checkpointed in the agents' runtime folders, that still run."""
    pids = set()
    runtime_folders = [member / "run" / "containers" for member in vanishing.children(folder)]
    for file in vanishing.below(runtime_folders, "pid"):
        try:
            pid, written = int(file.read_text()), file.stat().st_mtime
            if psutil.Process(pid).create_time() <= written + 1:  # otherwise another process reuses the pid
                pids.add(pid)
        except (OSError, ValueError, psutil.NoSuchProcess):
            continue
    return pids


def own_line() -> set[int]:
    """Pids of this process and of those that started it, as far as they still run."""
    line = {os.getpid()}
    with suppress(psutil.NoSuchProcess):  # its parent has ended
        parent = psutil.Process().parent()
        while parent is not None:
            line.add(parent.pid)
            parent = parent.parent()
    return line


def belongs(process: psutil.Process, folder: Path) -> bool:
    """Whether a process shows that it belongs to the cluster in the folder.

    A task has a sandbox of the cluster in its environment or as its working directory, a program of Mesos has the
    folder in its command line, and a companion has its variable. Other programs, such as a pager that shows a log, have
    none of these.
    """
    inside = f"{folder}/"
    try:
        command = process.cmdline()
        if command and Path(command[0]).name in PROGRAMS and any(inside in argument for argument in command):
            return True
        environment = process.environ()
        if environment.get(COMPANION) == str(folder):
            return True
        if any(inside in value for name, value in environment.items() if name.startswith("MESOS_")):
            return True
        return re.fullmatch(f"{re.escape(inside)}agent-\\d+/work/.*", process.cwd()) is not None
    except psutil.Error:
        return False


def session_of(pid: int) -> int | None:
    """Session of a process; None if it has ended."""
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def network_of(pid: int) -> int | None:
    """Inode of a process's network namespace; None if the process has ended or may not be examined."""
    return vanishing.inode(Path(f"/proc/{pid}/ns/net"))


def kill_all(found: Iterable[Process]) -> None:
    """Send SIGKILL to each process that still runs."""
    for process in found:
        if process.alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
