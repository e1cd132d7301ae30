"""The way into containers, put together: the master says where a container is, its agent shows it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from podexec.wire import run_before
from scheduler.inside.agent import Agents
from scheduler.inside.executors import Executors
from scheduler.inside.http import Http
from scheduler.inside.master import Leader, Master
from scheduler.inside.sessions import Sessions
from scheduler.inside.words import last_lines
from scheduler.loop.inside import FileInfo, Piece, Run, Session, Size, Usage
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.tls import Tls


class Edge:
    """It is an ``Inside``. Belongs to one event loop.

    Agents are told credentials of their own: any machine may say that it is one, so the framework's are not for them.
    """

    def __init__(
        self,
        leader: Callable[[], Leader],
        credentials: Credentials,
        agent_credentials: Credentials,
        tls: Tls | None,
        executors: Executors,
    ) -> None:
        self._http = Http(tls)
        self._master = Master(self._http, leader, credentials)
        self._agents = Agents(self._http, agent_credentials)
        self._executors = executors
        self._sessions = Sessions(self._http, self._agents)

    async def run_of(self, task_id: str) -> Run:
        """The present or last run of a task's container."""
        return await self._master.run_of(task_id)

    async def executor_of(self, task_id: str) -> Run:
        """The executor of a task, whose sandbox it is."""
        return await self._master.executor_of(task_id)

    async def last_lines(self, agent_id: str, executor_id: str) -> tuple[str, ...]:
        """What an executor wrote last, as plain text."""
        return await last_lines(self, await self._master.executor_on(agent_id, executor_id))

    def run_before(self, run: Run, restarts: int) -> Run | None:
        """The run before this one of the same task."""
        value = run_before(run.container_id["value"], restarts)
        if value is None:
            return None
        sandbox = f"{run.sandbox.rpartition('/')[0]}/{value}"
        return replace(run, container_id=run.container_id | {"value": value}, sandbox=sandbox, ended=True)

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        """A directory of its sandbox."""
        return await self._agents.list_files(run, path)

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Part of a file in its sandbox."""
        return await self._agents.read_file(run, path, offset, length)

    def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AbstractAsyncContextManager[Session]:
        """Run a command in the container."""
        return self._sessions.session(run, command, size, term)

    async def usage(self, run: Run) -> dict[str, Usage]:
        """What is measured for the run's pod. Agents without cgroups measure whole pods only; executors know more."""
        used = await self._agents.usage(run)
        if all(usage.cpu_seconds is not None for usage in used.values()):
            return used
        told = await self._executors.usage(run)
        return {container: _together(usage, told.get(container)) for container, usage in used.items()}

    async def close(self) -> None:
        """Leave nothing behind on agents, and end all connections."""
        await self._sessions.close()
        await self._http.close()


def _together(measured: Usage, told: Usage | None) -> Usage:
    """What the agent measures, or else the executor; limits the agent knows."""
    if told is None or measured.cpu_seconds is not None:
        return measured
    return replace(told, cpus_limit=measured.cpus_limit, memory_limit_bytes=measured.memory_limit_bytes)
