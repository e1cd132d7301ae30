"""What the API asks of the edge that looks inside running containers. The edge implements it; the API imports none."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scheduler.model.json import Json


class Why(StrEnum):
    """Why something could not be seen or done."""

    ABSENT = "absent"  # it is not there, or not any more
    UNABLE = "unable"  # it is there and cannot do this
    AWAY = "away"  # the agent, or the master, does not answer


class InsideError(Exception):
    """What was asked for cannot be had. Says what is wrong, where, and what to do where that helps."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container, where Mesos has it.

    Attributes:
        agent: its name, for people.
        agent_id: Mesos' id of it.
        agent_url: where the agent's operator API is.
        container_id: Mesos' ContainerID, with its parents; empty: an executor's own, which has files only.
        sandbox: the directory it works in, as the agent's files are named.
        ended: whether its task is over.
    """

    agent: str
    agent_id: str
    agent_url: str
    executor_id: str
    container_id: Json
    sandbox: str
    ended: bool


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One entry of a directory.

    Attributes:
        mode: type and permissions, as in ``st_mode``.
        size: in bytes.
        modified: seconds since the epoch.
    """

    name: str
    mode: int
    size: int
    modified: float
    user: str
    group: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a file, and how large the file is now."""

    data: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Size:
    """Of a terminal, in characters."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Output:
    """Something that a command wrote."""

    is_error: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """What a container has used and may use, as far as its agent measures it.

    Attributes:
        taken_at: seconds since the epoch.
        cpu_seconds: CPU time since it started; two of them give the present use.
        memory_bytes: what is not cache.
    """

    taken_at: float
    cpu_seconds: float | None = None
    cpus_limit: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: int | None = None


class Session(Protocol):
    """A command that runs inside a container. It is killed when its context is left."""

    def output(self) -> AsyncIterator[Output]:
        """What it writes, until it ends. Raises InsideError when the agent goes away."""

    async def write(self, data: bytes) -> None:
        """Give it input; returns when the agent has room for more."""

    async def end_input(self) -> None:
        """There is no more input."""

    async def resize(self, size: Size) -> None:
        """Its terminal has another size now."""

    async def exit_code(self) -> int:
        """How it ended, once its output has: as shells count, 128 and the signal's number for one that was killed.

        Raises InsideError if it ended because its container did.
        """


class Inside(Protocol):
    """The way into containers. Everything raises InsideError."""

    async def run_of(self, task_id: str) -> Run:
        """The present or last run of a task's container."""

    async def executor_of(self, task_id: str) -> Run:
        """The executor of a task: only its files can be looked at."""

    def run_before(self, run: Run, restarts: int) -> Run | None:
        """The run before this one of the same task, which was started again so often; None: there was none."""

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        """A directory of its sandbox; ``path`` is relative to that, and empty for itself."""

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Part of a file in its sandbox; less than asked for where the file ends, or the agent gives no more."""

    def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AbstractAsyncContextManager[Session]:
        """Run a command in the container, in a terminal of that size and kind unless it is None."""

    async def usage(self, run: Run) -> dict[str, Usage]:
        """What is measured on the run's agent for its pod: by the containers' own ids, the pod's whole under ``""``."""
