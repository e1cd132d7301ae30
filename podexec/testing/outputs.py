"""The output of a cluster's processes and containers, bounded and safe to show, from the files of this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from localmesos import Cluster, Member, vanishing
from scheduler.observe.visible import visible

MOST_LINES, MOST_CHARACTERS = 60, 8 * 1024  # of one output
_MOST_LINES_OF_MESOS = 25  # it says much
MOST_SANDBOXES = 20
_CLOCK_SECONDS = 0.01  # a file's time may be behind the clock by a tick of the kernel
_LEFT_OUT = "… (more before this)\n"


@dataclass(frozen=True, slots=True)
class Output:
    """A text and what it is of."""

    title: str
    text: str


@dataclass(slots=True)
class Mark:
    """A moment: what was written before it is left out."""

    time: float = 0.0
    sizes: dict[Path, int] = field(default_factory=dict)

    @classmethod
    def now(cls, files: list[Path]) -> Mark:
        """This moment, for files that grow."""
        return cls(time.time() - _CLOCK_SECONDS, {file: size for file in files if (size := _size(file)) is not None})


def tail(file: Path, mark: Mark, lines: int = MOST_LINES) -> str:
    """The end of what was written to a file after the mark, with control characters visible; empty if it is gone."""
    start = mark.sizes.get(file, 0)
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            first = max(start if start <= size else 0, size - MOST_CHARACTERS)
            opened.seek(first)
            text = opened.read(MOST_CHARACTERS).decode(errors="replace")
    except OSError:
        return ""
    return bounded(text, lines, is_cut=first > start)


def bounded(text: str, most: int = MOST_LINES, *, is_cut: bool = False) -> str:
    """The last lines of a text, with invisible characters escaped; `is_cut`: there was more before it."""
    lines = visible(text, lines=True).splitlines()
    kept = "\n".join(lines[-most:])
    is_cut = is_cut or len(lines) > most or len(kept) > MOST_CHARACTERS
    return (_LEFT_OUT if is_cut else "") + kept[-MOST_CHARACTERS:]


def of_cluster(cluster: Cluster, mark: Mark) -> Iterator[Output]:
    """The logs of its members, and what is in the sandboxes of executors and containers that ran after the mark."""
    for member in cluster.state.members:
        yield Output(f"{cluster.name} {member.id}", tail(member.log, mark, _MOST_LINES_OF_MESOS))
    found = [each for agent in cluster.agents for each in sandboxes(agent, mark)]
    found.sort(key=lambda each: each.time, reverse=True)
    for sandbox in found[:MOST_SANDBOXES]:
        for stream in ("stdout", "stderr"):
            yield Output(f"{cluster.name} {sandbox.title} {stream}", tail(sandbox.folder / stream, Mark()))
    if (left := len(found) - MOST_SANDBOXES) > 0:
        yield Output(
            f"{cluster.name} containers", f"{left} sandboxes, which were written to before these, are not shown"
        )


def members_logs(cluster: Cluster) -> list[Path]:
    """The logs of a cluster's members."""
    return [member.log for member in cluster.state.members]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The sandbox of an executor, or of one of its containers.

    Attributes:
        time: when something was written last, as in `time.time`.
    """

    title: str
    folder: Path
    time: float


def sandboxes(agent: Member, mark: Mark) -> Iterator[Sandbox]:
    """Those on an agent that are in use, or were written to after the mark, from its files: it may be dead."""
    for of_agent in vanishing.children(agent.work_dir / "slaves"):
        for framework in vanishing.children(of_agent / "frameworks"):
            for executor in vanishing.children(framework / "executors"):
                yield from _of_executor(agent, executor, mark)


def _of_executor(agent: Member, executor: Path, mark: Mark) -> Iterator[Sandbox]:
    latest = executor / "runs" / "latest"
    container = latest.resolve().name  # Mesos keeps this folder as long as the container is there
    is_running = (agent.folder / "run" / "containers" / container).is_dir()
    folders = {f"executor {executor.name}": latest}
    folders |= {f"container {task.name}": task for task in vanishing.children(latest / "tasks")}
    for title, folder in folders.items():
        written = max((_written(folder / stream) for stream in ("stdout", "stderr")), default=0.0)
        if is_running or written >= mark.time:
            yield Sandbox(f"{agent.id} {title}", folder, written)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0
