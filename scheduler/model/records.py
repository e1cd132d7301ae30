"""The runtime records: what the framework remembers of each pod, instance and task.

Frozen, so that a record handed to the store or to a reader can never change under it; the core replaces records whole.
Times are seconds since the epoch. Nothing here decides anything.
"""

from dataclasses import dataclass
from enum import StrEnum


class Condition(StrEnum):
    """Where a task, or an instance as a whole, stands.

    Mesos' task states under Marathon's names, and what lies before a launch.
    """

    SCHEDULED = "Scheduled"  # wants an offer
    PROVISIONED = "Provisioned"  # matched and recorded; Mesos has not spoken of it yet
    STAGING = "Staging"
    STARTING = "Starting"
    RUNNING = "Running"
    KILLING = "Killing"
    FINISHED = "Finished"
    FAILED = "Failed"
    KILLED = "Killed"
    ERROR = "Error"
    GONE = "Gone"
    DROPPED = "Dropped"
    UNREACHABLE = "Unreachable"
    UNKNOWN = "Unknown"  # the master has not heard of it; believed only after a while

    @property
    def terminal(self) -> bool:
        """Whether no later update can bring the task back."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {Condition.FINISHED, Condition.FAILED, Condition.KILLED, Condition.ERROR, Condition.GONE, Condition.DROPPED}
)


class Goal(StrEnum):
    """What is wanted of an instance."""

    RUNNING = "Running"
    DECOMMISSIONED = "Decommissioned"  # kill it, then forget it


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent an instance was placed on, as its offer described it.

    Attributes:
        attributes: (name, value as text), what the agent's operator says of it.
    """

    id: str
    hostname: str
    region: str | None = None
    zone: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkAddress:
    """One network a container is on: its name (None: the host's) and its IP addresses there."""

    name: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """One container of one incarnation of an instance: a Mesos task.

    Attributes:
        id: the Mesos task id.
        container: the container's name in the definition.
        since: when the condition last changed.
        healthy: what the executor's health check last said; None before it spoke.
        reason: Mesos' reason of the last update.
    """

    id: str
    container: str
    condition: Condition
    staged_at: float
    since: float
    started_at: float | None = None
    healthy: bool | None = None
    message: str = ""
    reason: str | None = None
    networks: tuple[NetworkAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """One copy of a pod, kept across relaunches: each launch is a new incarnation with new task and executor ids.

    Attributes:
        version: the version of the definition it runs, or will run.
        tasks: the tasks of the current incarnation; empty while it waits for an offer.
        host_ports: endpoint name and allocated host port, in the definition's order.
        since: when condition or health last changed.
    """

    id: str
    pod_id: str
    version: str
    goal: Goal
    incarnation: int
    created_at: float
    since: float
    role: str
    agent: Agent | None = None
    executor_id: str | None = None
    tasks: tuple[Task, ...] = ()
    host_ports: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How one container of an ended incarnation ended."""

    task_id: str
    condition: Condition
    message: str


@dataclass(frozen=True, slots=True)
class Termination:
    """One ended incarnation of an instance, kept so that a user can see why it was relaunched."""

    instance_id: str
    started_at: float
    terminated_at: float
    message: str
    tasks: tuple[TaskEnd, ...]


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod the user asked for.

    Attributes:
        version: the current definition's version.
        config_version: the version of the last change that needs a restart; an instance at or after it is current.
        terminations: the last ended incarnations, newest last.
    """

    id: str
    version: str
    config_version: str
    terminations: tuple[Termination, ...] = ()


@dataclass(frozen=True, slots=True)
class Framework:
    """The identity Mesos gave this framework. Losing it means losing every running pod."""

    id: str
