"""The interface to running containers and their agents: the API uses it, and the edge ``inside`` implements it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from scheduler.loop.agents import AgentList
from scheduler.model.json import Json


class Why(StrEnum):
    """The kind of an InsideError."""

    ABSENT = "absent"  # it does not exist, or no longer
    UNABLE = "unable"  # it exists, but does not support this
    UNREACHABLE = "unreachable"  # the agent, or the master, does not answer


class InsideError(Exception):
    """A container cannot be reached or used. Says what is wrong, where, and if possible what to do."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container, and its place in Mesos.

    Attributes:
        agent: the agent's name, for people.
        agent_id: the agent's id in Mesos.
        agent_url: the URL of the agent's operator API.
        container_id: Mesos' ContainerID, with its parents; empty: the executor, of which only files are accessible.
        sandbox: its working directory, in the agent's file API.
        ended: whether its task has ended.
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
    """Part of a file, and the file's current size."""

    data: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a terminal, in characters."""

    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Output:
    """Output of a command."""

    is_error: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """The resource usage and limits of a container, as far as its agent measures them.

    Attributes:
        taken_at: seconds since the epoch.
        cpu_seconds: CPU time since it started; the difference of two values is the current usage.
        memory_bytes: without cache.
    """

    taken_at: float
    cpu_seconds: float | None = None
    cpus_limit: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    processes: int | None = None


class Session(Protocol):
    """A command running inside a container. It is killed at the end of its context."""

    def output(self) -> AsyncIterator[Output]:
        """Its output, until it ends. Raises InsideError when the connection to the agent is lost."""

    async def write(self, data: bytes) -> None:
        """Send it input; returns when the agent accepts more."""

    async def end_input(self) -> None:
        """End its input."""

    async def resize(self, size: Size) -> None:
        """Change the size of its terminal."""

    async def exit_code(self) -> int:
        """Its exit code, once its output has ended; as in shells, 128 plus the signal's number if it was killed.

        Raises InsideError if it ended because its container did.
        """


class Inside(Protocol):
    """Access to containers. All methods raise InsideError."""

    async def run_of(self, task_id: str) -> Run:
        """The current or last run of a task's container."""

    async def executor_of(self, task_id: str) -> Run:
        """The executor of a task, of which only files are accessible."""

    def run_before(self, run: Run, restarts: int) -> Run | None:
        """The previous run of the same task, which was restarted this many times; None: there was none."""

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        """The entries of a directory in its sandbox; ``path`` is relative to the sandbox, and empty for itself."""

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Part of a regular file in its sandbox; less than ``length`` if it ends, or the agent returns less."""

    def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AbstractAsyncContextManager[Session]:
        """Run a command in the container, in a terminal of this size and kind unless they are None."""

    async def usage(self, run: Run) -> dict[str, Usage]:
        """The usage of the run's pod: by the containers' own ids, and of the whole pod under ``""``."""

    async def agents(self) -> AgentList:
        """The leading master's agents, as they were a few seconds ago; a minute, if there are very many."""
