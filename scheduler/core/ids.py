"""The ids of instances, executors and tasks in Mesos.

They have Marathon's form, so that existing tools can read them.
"""

import re

_MOST_DIGITS = 10
_OWN = re.compile(
    r"[a-z0-9][a-z0-9._-]*\.instance-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[a-z0-9][a-z0-9-]*\.[1-9][0-9]{0,8}",
    re.ASCII,
)


def safe_id(pod_id: str) -> str:
    """The pod's id with its segments joined by ``_``, because Mesos ids must not contain a slash."""
    return pod_id.strip("/").replace("/", "_")


def instance_id(pod_id: str, uuid: str) -> str:
    """``<safe id>.instance-<uuid>``."""
    return f"{safe_id(pod_id)}.instance-{uuid}"


def executor_id(instance: str, incarnation: int) -> str:
    """``instance-<safe id>.<uuid>``; later incarnations add their number.

    Each incarnation has an executor id of its own, because Mesos refuses a launch under the id of an executor that is
    still ending on that agent.
    """
    safe, uuid = instance.rsplit(".instance-", 1)
    first = f"instance-{safe}.{uuid}"
    return first if incarnation == 1 else f"{first}.{incarnation}"


def task_id(instance: str, container: str, incarnation: int) -> str:
    """``<instance id>.<container>.<incarnation>``."""
    return f"{instance}.{container}.{incarnation}"


def instance_of(task: str) -> str:
    """The instance that a task id names, whether it exists or not."""
    return task.rsplit(".", 2)[0]


def incarnation_of(task: str) -> int | None:
    """The incarnation that a task id names; None if it names none."""
    number = task.rpartition(".")[2]
    return int(number) if number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS else None


def is_own(task: str) -> bool:
    """Whether a task id has the form that podexec gives its tasks, so that it names a pod, instance and container."""
    return _OWN.fullmatch(task) is not None


def container_of(task: str) -> str:
    """The container that a task id of podexec's form names."""
    return task.rsplit(".", 2)[1]


def pod_of(instance: str) -> str:
    """The pod that an instance id names, whether it exists or not."""
    return "/" + instance.rpartition(".instance-")[0].replace("_", "/")
