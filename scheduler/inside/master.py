"""Asks the master where a task runs, or ran, and in which container, and makes calls of its operator API."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scheduler.inside.http import Http, MesosRefusedError, told, understanding, usable
from scheduler.loop.inside import InsideError, Run, Why
from scheduler.loop.roles import RoleState
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json

_ENDED = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_GONE", "TASK_GONE_BY_OPERATOR")
_NOT_AUTHORIZED = (401, 403)


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

    @property
    def address(self) -> str | None:
        """The leading master's, ``HOST:PORT``; None: there is no subscription."""
        return self._leader().address

    async def call(self, kind: str) -> bytes:
        """The answer to a call without members, as it came. Raises InsideError."""
        address = self.address
        if address is None:
            raise _unconnected()
        who = f"the master {address}"
        try:
            return await self._http.call_undecoded(
                who, f"{self._http.scheme}://{address}/api/v1", {"type": kind}, self._headers()
            )
        except MesosRefusedError as error:
            what = f"refused {kind}"
            if error.status in _NOT_AUTHORIZED:
                what += "; it requires a principal or a permission, see --mesos-authentication-principal"
            raise told(who, what, error) from error

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

    async def roles(self) -> dict[str, RoleState]:
        """The roles that the master shows, with their quota. Raises InsideError."""
        address, _ = self._current_leader()
        answer = await self._get(address, "/roles", {})
        with understanding(f"the master {address}"):
            return {_name(each): _role(each) for each in answer.get("roles") or ()}

    def _current_leader(self) -> tuple[str, str]:
        leader = self._leader()
        if leader.address is None or leader.framework_id is None:
            raise _unconnected()
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
                    return str(agent["hostname"]), usable(f"{self._http.scheme}://{address}/{process}/api/v1")
        raise InsideError(Why.UNREACHABLE, f"the agent {agent_id} is not connected to the master at the moment")

    async def _get(self, master: str, path: str, query: dict[str, str]) -> Json:
        url = f"{self._http.scheme}://{master}{path}"
        try:
            return await self._http.get(f"the master {master}", url, query, self._headers())
        except MesosRefusedError as error:
            raise told(f"the master {master}", f"refused {path}", error) from error

    def _headers(self) -> dict[str, str]:
        proof = self._credentials.authorization()
        return {} if proof is None else {"Authorization": proof}


def _unconnected() -> InsideError:
    return InsideError(Why.UNREACHABLE, "the scheduler is not connected to a Mesos master at the moment")


def _name(role: Json) -> str:
    if not isinstance(role["name"], str):
        raise TypeError("a role's name is not a string")
    return role["name"]


def _role(role: Json) -> RoleState:
    quota = role.get("quota") or {}
    return RoleState(
        float(role.get("weight", 1.0)), _amounts(quota.get("limit") or {}), _amounts(quota.get("consumed") or {})
    )


def _amounts(resources: Json) -> dict[str, float]:
    """The scalars among resources; sets and ranges are strings."""
    return {
        name: float(amount)
        for name, amount in resources.items()
        if isinstance(amount, int | float) and math.isfinite(amount)
    }


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
