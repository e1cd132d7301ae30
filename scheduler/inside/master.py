"""Asks the master where a task runs, or ran, and in which container."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scheduler.inside.http import Http, MesosRefusedError, understanding
from scheduler.loop.inside import InsideError, Run, Why
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json

_ENDED = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_GONE", "TASK_GONE_BY_OPERATOR")


@dataclass(frozen=True, slots=True)
class Leader:
    """The leading master and this framework's id.

    Attributes:
        address: ``HOST:PORT`` of the leading master; None: there is no subscription.
        framework_id: None: not assigned yet.
    """

    address: str | None
    framework_id: str | None


class Master:
    """Asks the leading master for every call, since containers restart and agents return at other addresses."""

    def __init__(self, http: Http, leader: Callable[[], Leader], credentials: Credentials) -> None:
        self._http = http
        self._leader = leader
        self._credentials = credentials

    async def run_of(self, task_id: str) -> Run:
        """The current or last run of a task's container. Raises InsideError."""
        task, container_id = await self._task(task_id)
        if container_id is None:
            message = f"the container of {task_id} has not started: {task['state']}"
            raise InsideError(Why.ABSENT, f"{message}; the executor's output may say why (--executor, executor=true)")
        executor = await self.executor_on(task["slave_id"], task["executor_id"])
        return replace(
            executor,
            container_id=container_id,
            sandbox=f"{executor.sandbox}/containers/{container_id['value']}",
            ended=task["state"] in _ENDED,
        )

    async def executor_of(self, task_id: str) -> Run:
        """The executor of a task. Raises InsideError."""
        task, _ = await self._task(task_id)
        executor = await self.executor_on(task["slave_id"], task["executor_id"])
        return replace(executor, ended=task["state"] in _ENDED)

    async def executor_on(self, agent_id: str, executor_id: str) -> Run:
        """The last run of an executor. Raises InsideError."""
        address, framework_id = self._current_leader()
        agent, agent_url = await self._agent(address, agent_id)
        return Run(
            agent=agent,
            agent_id=agent_id,
            agent_url=agent_url,
            executor_id=executor_id,
            container_id={},
            sandbox=f"/frameworks/{framework_id}/executors/{executor_id}/runs/latest",
            ended=True,
        )

    def _current_leader(self) -> tuple[str, str]:
        leader = self._leader()
        if leader.address is None or leader.framework_id is None:
            raise InsideError(Why.UNREACHABLE, "the scheduler is not connected to a Mesos master at the moment")
        return leader.address, leader.framework_id

    async def _task(self, task_id: str) -> tuple[Json, Json | None]:
        """The used members of a task, and the id of its container."""
        address, framework_id = self._current_leader()
        answer = await self._get(address, "/tasks", {"framework_id": framework_id, "task_id": task_id})
        with understanding(f"the master {address}"):
            return _task(task_id, answer)

    async def _agent(self, master: str, agent_id: str) -> tuple[str, str]:
        """The agent's name and the URL of its operator API."""
        answer = await self._get(master, "/slaves", {"slave_id": agent_id})
        with understanding(f"the master {master}"):
            for agent in answer.get("slaves") or ():
                process, _, address = agent["pid"].partition("@")
                if agent["id"] == agent_id and agent["active"]:
                    return str(agent["hostname"]), f"{self._http.scheme}://{address}/{process}/api/v1"
        raise InsideError(Why.UNREACHABLE, f"the agent {agent_id} is not connected to the master at the moment")

    async def _get(self, master: str, path: str, query: dict[str, str]) -> Json:
        proof = self._credentials.authorization()
        headers = {} if proof is None else {"Authorization": proof}
        try:
            return await self._http.get(f"the master {master}", f"{self._http.scheme}://{master}{path}", query, headers)
        except MesosRefusedError as error:
            raise InsideError(Why.UNABLE, f"the master {master} refused {path}: {error}") from error


def _task(task_id: str, answer: Json) -> tuple[Json, Json | None]:
    """The used members of the task in the master's answer, and the id of its container."""
    tasks = answer.get("tasks") or ()
    if not tasks:
        raise InsideError(Why.ABSENT, f"Mesos does not know task {task_id}, or no longer knows it")
    task: Json = tasks[0]
    known = {name: str(task[name]) for name in ("slave_id", "executor_id", "state")}
    container_id = _container_id(task)
    if container_id is not None and not isinstance(container_id["value"], str):
        raise TypeError("a container's id is not a string")
    return known, container_id


def _container_id(task: Json) -> Json | None:
    """The last nested container named in a status; statuses made by agents name none."""
    for status in reversed(task.get("statuses") or ()):
        container_id: Json = (status.get("container_status") or {}).get("container_id") or {}
        if "parent" in container_id:
            return container_id
    return None
