"""Measures the CPU time and memory of each container's processes from ``/proc``, where agents measure whole pods only.

A process belongs to a container if its environment names the container's task, or if its parent does. Processes that
this one may not read or cannot see are not counted. Blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from podexec.record import record
from podexec.wire import Use

_VARIABLE: Final = b"MESOS_TASK_ID="
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@record
class Process:
    """One process; ``cpu_seconds`` includes its ended children."""

    pid: int
    parent: int
    task_id: str
    cpu_seconds: float
    memory_bytes: int


def usage(containers: Mapping[str, str], proc: Path = Path("/proc")) -> dict[str, Use]:
    """Usage by container id; ``containers`` maps container ids to task ids."""
    by_task = {task_id: container for container, task_id in containers.items()}
    processes = {process.pid: process for process in _processes(proc)}
    used: dict[str, list[Process]] = {container: [] for container in containers}
    for process in processes.values():
        container = by_task.get(_task_of(process, processes))
        if container is not None:
            used[container].append(process)
    return {container: _sum(members) for container, members in used.items()}


def _processes(proc: Path) -> Iterable[Process]:
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
    found = next((each for each in environment.split(b"\0") if each.startswith(_VARIABLE)), b"")
    return found.removeprefix(_VARIABLE).decode(errors="replace")


def _task_of(process: Process, processes: Mapping[int, Process]) -> str:
    """Task id of the process or of its nearest ancestor that has one."""
    seen: set[int] = set()
    while not process.task_id and process.parent in processes and process.pid not in seen:
        seen.add(process.pid)
        process = processes[process.parent]
    return process.task_id


def _sum(members: list[Process]) -> Use:
    return Use(
        cpu_seconds=round(sum(each.cpu_seconds for each in members), 3),
        memory_bytes=sum(each.memory_bytes for each in members),
        processes=len(members),
    )
