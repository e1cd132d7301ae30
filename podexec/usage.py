"""Measures the CPU time and memory of each container's processes, where agents measure whole pods only.

A process belongs to a container if its environment names the container's task, or if its parent does. Processes that
this one may not read or cannot see are not counted. Blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podexec.processes import Process, processes
from podexec.wire import Use


def usage(containers: Mapping[str, str], running: Iterable[Process] | None = None) -> dict[str, Use]:
    """Usage by container id; ``containers`` maps container ids to task ids. ``running``: this machine's processes."""
    by_task = {task_id: container for container, task_id in containers.items()}
    by_pid = {process.pid: process for process in (processes() if running is None else running)}
    used: dict[str, list[Process]] = {container: [] for container in containers}
    for process in by_pid.values():
        container = by_task.get(_task_of(process, by_pid))
        if container is not None:
            used[container].append(process)
    return {container: _sum(members) for container, members in used.items()}


def _task_of(process: Process, by_pid: Mapping[int, Process]) -> str:
    """Task id of the process or of its nearest ancestor that has one."""
    seen: set[int] = set()
    while not process.task_id and process.parent in by_pid and process.pid not in seen:
        seen.add(process.pid)
        process = by_pid[process.parent]
    return process.task_id


def _sum(members: list[Process]) -> Use:
    return Use(
        cpu_seconds=round(sum(each.cpu_seconds for each in members), 3),
        memory_bytes=sum(each.memory_bytes for each in members),
        processes=len(members),
    )
