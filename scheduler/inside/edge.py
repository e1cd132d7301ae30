"""Access to containers: the master tells where a container is, and lists the agents; agents give access to it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from podexec.wire import run_before
from scheduler.inside.agent import Agents
from scheduler.inside.agent_list import AgentLister
from scheduler.inside.executor_output import last_lines
from scheduler.inside.executors import Executors
from scheduler.inside.http import Http
from scheduler.inside.master import Leader, Master
from scheduler.inside.sessions import Sessions
from scheduler.loop.agents import AgentList
from scheduler.loop.inside import FileInfo, Piece, Run, Session, Size, Usage
from scheduler.loop.roles import Roles
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.tls import Tls


class Edge:
    """Implements ``Inside``. Belongs to one event loop.

    Agents get credentials of their own, not the framework's: any machine may claim to be an agent.
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
        self._lister = AgentLister(self._master)
        self._executors = executors
        self._sessions = Sessions(self._http, self._agents)

    async def run_of(self, task_id: str) -> Run:
        """The current or last run of a task's container."""
        return await self._master.run_of(task_id)

    async def executor_of(self, task_id: str) -> Run:
        """The executor of a task."""
        return await self._master.executor_of(task_id)

    async def roles(self) -> Roles:
        """The roles of the cluster that the master shows this framework. Raises InsideError."""
        return await self._master.roles()

    async def last_lines(self, agent_id: str, executor_id: str) -> tuple[str, ...]:
        """The last lines of an executor's output, as plain text."""
        return await last_lines(self, await self._master.executor_on(agent_id, executor_id))

    def run_before(self, run: Run, restarts: int) -> Run | None:
        """The previous run of the same task."""
        value = run_before(run.container_id["value"], restarts)
        if value is None:
            return None
        sandbox = f"{run.sandbox.rpartition('/')[0]}/{value}"
        return replace(run, container_id=run.container_id | {"value": value}, sandbox=sandbox, ended=True)

    async def list_files(self, run: Run, path: str) -> list[FileInfo]:
        """List a directory of a run's sandbox."""
        return await self._agents.list_files(run, path)

    async def read_file(self, run: Run, path: str, offset: int, length: int) -> Piece:
        """Read part of a file in a run's sandbox."""
        return await self._agents.read_file(run, path, offset, length)

    def session(
        self, run: Run, command: Sequence[str], size: Size | None, term: str
    ) -> AbstractAsyncContextManager[Session]:
        """Run a command in the container."""
        return self._sessions.session(run, command, size, term)

    async def usage(self, run: Run) -> dict[str, Usage]:
        """The use of the run's pod. Agents without cgroups measure whole pods only; executors can measure more."""
        used = await self._agents.usage(run)
        if all(usage.cpu_seconds is not None for usage in used.values()):
            return used
        reported = await self._executors.usage(run)
        return {container: _combined(usage, reported.get(container)) for container, usage in used.items()}

    async def agents(self) -> AgentList:
        """The leading master's agents."""
        return await self._lister.current()

    async def close(self) -> None:
        """Clean up on agents, and close all connections."""
        await self._lister.close()
        await self._sessions.close()
        await self._http.close()


def _combined(measured: Usage, reported: Usage | None) -> Usage:
    """The agent's measurements or, if it has none, the executor's with the agent's limits."""
    if reported is None or measured.cpu_seconds is not None:
        return measured
    return replace(reported, cpus_limit=measured.cpus_limit, memory_limit_bytes=measured.memory_limit_bytes)
