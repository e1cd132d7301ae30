"""The baseline of executors: pymesos' own driver as its README shows it, and a thread for each task of a group.

A task is a nested container of the pod's executor, launched with one call to the agent, as podexec's are: a plain
subprocess would be no container. It reports TASK_RUNNING when the agent has answered, and TASK_KILLED when it is told
to kill the task; it does nothing else that podexec does. It ends when all tasks were killed, and Mesos removes the
containers with it. Agents run it through the program that :func:`write_program` writes.
"""

import json
import os
import threading
import uuid
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import addict

from podexec._vendor.pymesos import Executor, MesosExecutorDriver
from scheduler.model.json import Json

_OK = 200
_LAUNCHED = ("command", "container", "resources", "limits")  # what a TaskInfo and a call to launch it share


class _Driver(MesosExecutorDriver):  # type: ignore[misc] # pymesos has no types
    """Keeps what pymesos does not pass on: the executor's own container."""

    container_id: Json

    def on_subscribed(self, info: Json) -> None:
        self.container_id = info["container_id"]
        super().on_subscribed(info)


class NaiveExecutor(Executor):  # type: ignore[misc] # pymesos has no types
    """Launches each task in a thread of its own."""

    def __init__(self) -> None:
        self._running: set[str] = set()

    def launchTaskGroup(self, driver: Any, task_infos: list[Json]) -> None:
        """Launch all tasks of a group at once."""
        self._running.update(task["task_id"]["value"] for task in task_infos)
        for task in task_infos:
            threading.Thread(target=self._launch, args=(driver, task), daemon=True).start()

    def killTask(self, driver: Any, task_id: Json) -> None:
        """Report the task as killed; its container ends with the executor."""
        driver.sendStatusUpdate({"task_id": task_id, "state": "TASK_KILLED"})
        self._running.discard(task_id["value"])
        if not self._running:
            driver.stop()

    def _launch(self, driver: Any, task: Json) -> None:
        call = {field: task[field] for field in _LAUNCHED if field in task}
        call["container_id"] = {"value": f"{task['name']}-{uuid.uuid4().hex[:8]}", "parent": driver.container_id}
        connection = HTTPConnection(os.environ["MESOS_AGENT_ENDPOINT"])
        body = json.dumps({"type": "LAUNCH_CONTAINER", "launch_container": call})
        connection.request("POST", "/api/v1", body, {"Content-Type": "application/json"})
        state = "TASK_RUNNING" if connection.getresponse().status == _OK else "TASK_FAILED"
        driver.sendStatusUpdate({"task_id": task["task_id"], "state": state})


def write_program(path: Path) -> Path:
    """Write a program that runs this executor from this installation, whose modules have their bytecode beside them.

    It needs no site-packages of the Python that runs it.
    """
    folders = [str(Path(__file__).parents[1]), str(Path(addict.__file__).parents[1])]
    path.write_text(
        f"import sys\nsys.path += {folders!r}\nfrom bench.naive_executor import main\nmain()\n", encoding="utf-8"
    )
    return path


def main() -> None:
    """Run as an agent's executor, until all tasks are over."""
    _Driver(NaiveExecutor()).run()
