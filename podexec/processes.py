"""The processes of this machine: psutil's, where the executor has it, or read from ``/proc``.

The static executor has psutil linked into it. Python cannot import psutil's native module from the zipapp, which
therefore reads the few files itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from podexec.record import record

if TYPE_CHECKING:
    import psutil

_VARIABLE: Final = "MESOS_TASK_ID"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@record
class Process:
    """One process; ``cpu_seconds`` includes its ended children. ``task_id`` is "" if its environment names none."""

    pid: int
    parent: int
    task_id: str
    cpu_seconds: float
    memory_bytes: int


def processes() -> Iterator[Process]:
    """Every process that this one can see. Blocks."""
    try:
        import psutil  # noqa: F401, PLC0415 - most executors are never asked
    except ModuleNotFoundError as error:
        if error.name != "psutil":
            raise  # it is there, and broken
        return of_proc(Path("/proc"))
    return of_psutil()


def of_psutil() -> Iterator[Process]:
    """The processes as psutil finds them."""
    import psutil  # noqa: PLC0415 - see above

    for process in psutil.process_iter():
        try:
            with process.oneshot():
                used, memory = process.cpu_times(), process.memory_info().rss
                cpu = used.user + used.system + used.children_user + used.children_system
                yield Process(process.pid, process.ppid(), _task_of(process), cpu, memory)
        except (psutil.Error, OSError):
            continue  # the process has ended
    psutil.process_iter.cache_clear()  # it would keep thousands of processes, and the executor has 32 MB


def _task_of(process: psutil.Process) -> str:
    import psutil  # noqa: PLC0415 - see above

    try:
        return process.environ().get(_VARIABLE, "")
    except (psutil.AccessDenied, OSError):
        return ""


def of_proc(proc: Path) -> Iterator[Process]:
    """The processes as the kernel shows them in this folder."""
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            try:
                yield _process(int(folder.name), folder)
            except (OSError, ValueError, IndexError):
                continue  # the process has ended


def _process(pid: int, folder: Path) -> Process:
    # The name, in parentheses, may contain anything; only numbers follow.
    values = (folder / "stat").read_bytes().rpartition(b")")[2].split()
    ticks = sum(int(value) for value in values[11:15])
    return Process(pid, int(values[1]), _named_task(folder), ticks / _TICKS, int(values[21]) * _PAGE)


def _named_task(folder: Path) -> str:
    try:
        environment = (folder / "environ").read_bytes()
    except OSError:
        return ""
    start = f"{_VARIABLE}=".encode()
    found = next((each for each in environment.split(b"\0") if each.startswith(start)), b"")
    return found.removeprefix(start).decode(errors="replace")
