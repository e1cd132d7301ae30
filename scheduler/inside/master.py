"""What the master knows of a task: where it runs, or ran, and in which container."""

from collections.abc import Callable
from dataclasses import dataclass

from scheduler.inside.http import Http, RefusedError, understanding
from scheduler.mesos.credentials import Credentials
from scheduler.model.json import Json
from scheduler.shell.inside import InsideError, Run, Why

_ENDED = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_GONE", "TASK_GONE_BY_OPERATOR")


@dataclass(frozen=True, slots=True)
class Leader:
    """Whom to ask.

    Attributes:
        address: ``HOST:PORT`` of the leading master; None: there is no subscription.
        framework_id: None: Mesos has not given one yet.
    """

    address: str | None
    framework_id: str | None


class Master:
    """Asks the leading master, anew each time: containers are restarted, and agents come back elsewhere."""

    def __init__(self, http: Http, leader: Callable[[], Leader], credentials: Credentials) -> None:
        self._http = http
        self._leader = leader
        self._credentials = credentials

    async def run_of(self, task_id: str) -> Run:
        """The present or last run of a task's container. Raises InsideError."""
        leader = self._leader()
        if leader.address is None or leader.framework_id is None:
            raise InsideError(Why.AWAY, "the scheduler has no Mesos master to ask at the moment")
        query = {"framework_id": leader.framework_id, "task_id": task_id}
        told = await self._get(leader.address, "/tasks", query)
        with understanding(f"the master {leader.address}"):
            task, container_id = _task(task_id, told)
        if container_id is None:
            raise InsideError(Why.ABSENT, f"the container of {task_id} has not started: {task['state']}")
        agent, agent_url = await self._agent(leader.address, task["slave_id"])
        executor = f"/frameworks/{leader.framework_id}/executors/{task['executor_id']}/runs/latest"
        return Run(
            agent=agent,
            agent_id=task["slave_id"],
            agent_url=agent_url,
            executor_id=task["executor_id"],
            container_id=container_id,
            sandbox=f"{executor}/containers/{container_id['value']}",
            ended=task["state"] in _ENDED,
        )

    async def _agent(self, master: str, agent_id: str) -> tuple[str, str]:
        """The agent's name and the URL of its operator API."""
        told = await self._get(master, "/slaves", {"slave_id": agent_id})
        with understanding(f"the master {master}"):
            for agent in told.get("slaves") or ():
                process, _, address = agent["pid"].partition("@")
                if agent["id"] == agent_id and agent["active"]:
                    return str(agent["hostname"]), f"{self._http.scheme}://{address}/{process}/api/v1"
        raise InsideError(Why.AWAY, f"the agent {agent_id} is not with the master at the moment")

    async def _get(self, master: str, path: str, query: dict[str, str]) -> Json:
        proof = self._credentials.authorization()
        headers = {} if proof is None else {"Authorization": proof}
        try:
            return await self._http.get(f"the master {master}", f"{self._http.scheme}://{master}{path}", query, headers)
        except RefusedError as error:
            raise InsideError(Why.UNABLE, f"the master {master} refuses to tell {path}: {error}") from error


def _task(task_id: str, told: Json) -> tuple[Json, Json | None]:
    """The task of the master's answer, with what is looked at in it, and the id of its container."""
    tasks = told.get("tasks") or ()
    if not tasks:
        raise InsideError(Why.ABSENT, f"Mesos knows no task {task_id}, or not any more")
    task: Json = tasks[0]
    known = {name: str(task[name]) for name in ("slave_id", "executor_id", "state")}
    container_id = _container_id(task)
    if container_id is not None and not isinstance(container_id["value"], str):
        raise TypeError("a container's id is no string")
    return known, container_id


def _container_id(task: Json) -> Json | None:
    """The last nested container that a status named; agents' own statuses name none."""
    for status in reversed(task.get("statuses") or ()):
        container_id: Json = (status.get("container_status") or {}).get("container_id") or {}
        if "parent" in container_id:
            return container_id
    return None
