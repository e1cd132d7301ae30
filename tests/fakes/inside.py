"""In the place of the edge that looks inside: containers whose files, commands and use are what a test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scheduler.loop.agents import AgentList, MesosAgent
from scheduler.loop.inside import FileInfo, InsideError, Output, Piece, Run, Session, Size, Usage, Why
from scheduler.model.records import Agent

AGENT = "agent-1.test"
CPUS, MEM = {"cpus": 4000}, {"mem": 4_096_000}
# The agent of the fake loop's offers.
OFFERING = MesosAgent(
    Agent("A1", "a1.example"), total=CPUS | MEM, used={"cpus": 1500, "mem": 0}, unused={"*": {"cpus": 2500} | MEM}
)
ONE_AGENT = AgentList((OFFERING,))


def run_of(name: str, *, ended: bool = False) -> Run:
    """A run of a container with this id."""
    container_id = {"value": name, "parent": {"value": "root"}}
    return Run(AGENT, "A1", "http://agent", "executor", container_id, f"/sandbox/{name}", ended)


class FakeSession:
    """A command whose program is a coroutine of the test's."""

    def __init__(self, command: Sequence[str], size: Size | None, term: str) -> None:
        self.command = tuple(command)
        self.sizes = [] if size is None else [size]
        self.term = term
        self.input: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.code: int | InsideError = 0
        self.left = False
        self._output: asyncio.Queue[Output | None] = asyncio.Queue()

    def writes(self, data: bytes, *, is_error: bool = False) -> None:
        """The program writes."""
        self._output.put_nowait(Output(is_error, data))

    def ends(self, code: int | InsideError = 0) -> None:
        """The program ends, or is ended."""
        self.code = code
        self._output.put_nowait(None)

    async def output(self) -> AsyncIterator[Output]:
        while (each := await self._output.get()) is not None:
            yield each
        if isinstance(self.code, InsideError) and self.code.why is Why.UNREACHABLE:
            raise self.code

    async def write(self, data: bytes) -> None:
        self.input.put_nowait(data)

    async def end_input(self) -> None:
        self.input.put_nowait(None)

    async def resize(self, size: Size) -> None:
        self.sizes.append(size)

    async def exit_code(self) -> int:
        if isinstance(self.code, InsideError):
            raise self.code
        return self.code


Program = Callable[[FakeSession], Awaitable[None]]


@dataclass
class FakeInside:
    """It is an ``Inside``.

    Attributes:
        runs: by task id, or why there is none.
        files: by path, with the sandbox in it.
        pipes: those of the files that are pipes.
        modified: when files were written last, unless that was long ago.
        program: what every command does.
        broken: raised in place of any look at an agent.
        listed: the master's agents, or why they are not known.
    """

    runs: dict[str, Run | InsideError] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pipes: set[str] = field(default_factory=set)
    modified: dict[str, float] = field(default_factory=dict)
    used: dict[str, Usage] = field(default_factory=dict)
    program: Program | None = None
    broken: InsideError | None = None
    listed: AgentList | InsideError = ONE_AGENT
    sessions: list[FakeSession] = field(default_factory=list)

    def write(self, run: Run, data: bytes, stream: str = "stdout") -> None:
        """A container writes."""
        path = f"{run.sandbox}/{stream}"
        self.files[path] = self.files.get(path, b"") + data

    async def run_of(self, task_id: str) -> Run:
        found = self.runs.get(task_id) or InsideError(Why.ABSENT, f"Mesos does not know task {task_id}")
        if isinstance(found, InsideError):
            raise found
        return found

    async def executor_of(self, task_id: str) -> Run:
        await self.run_of(task_id)
        executor = task_id.rpartition("instance-")[2]
        return replace(run_of(executor), container_id={}, sandbox=f"/executor/{executor}")

    def run_before(self, run: Run, restarts: int) -> Run | None:
        value = f"{run.container_id['value']}-before-{restarts}"
        return replace(run_of(value, ended=True)) if f"/sandbox/{value}/stdout" in self.files else None

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        self._look()
        names = sorted(name for name in self.files if name.startswith(f"{run.sandbox}/{path}"))
        return [
            FileInfo(each.rpartition("/")[2], 0o100644, len(self.files[each]), self.modified.get(each, 1.5), "u", "g")
            for each in names
        ]

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        self._look()
        data = self.files.get(f"{run.sandbox}/{path}")
        if data is None:
            raise InsideError(Why.ABSENT, f"no {path}")
        if f"{run.sandbox}/{path}" in self.pipes:
            raise InsideError(Why.UNABLE, f"{path} is a pipe")
        return Piece(data[offset : offset + length], len(data))

    @contextlib.asynccontextmanager
    async def session(self, run: Run, command: Sequence[str], size: Size | None, term: str) -> AsyncIterator[Session]:
        self._look()
        session = FakeSession(command, size, term)
        self.sessions.append(session)
        running = asyncio.ensure_future(self.program(session)) if self.program is not None else None
        try:
            yield session
        finally:
            session.left = True
            if running is not None:
                running.cancel()

    async def usage(self, run: Run) -> dict[str, Usage]:
        self._look()
        return self.used

    async def agents(self) -> AgentList:
        if isinstance(self.listed, InsideError):
            raise self.listed
        return self.listed

    def _look(self) -> None:
        if self.broken is not None:
            raise self.broken


class NothingInside:
    """No container can be looked into."""

    def __getattr__(self, name: str) -> Any:
        raise InsideError(Why.UNREACHABLE, "there is no agent")
