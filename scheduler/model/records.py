"""The runtime records: what the framework remembers of each pod, instance and task.

Frozen, so that a record handed to the store or to a reader can never change under it; the core replaces records whole.
Times are seconds since the epoch, on the scheduler's own clock (``core.clock``). Nothing here decides anything.
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
    GONE_BY_OPERATOR = "GoneByOperator"  # gone because an operator said so of the agent, with all that was on it
    DROPPED = "Dropped"
    UNREACHABLE = "Unreachable"
    UNREACHABLE_INACTIVE = "UnreachableInactive"  # of an instance: out of reach for so long that it is replaced
    UNKNOWN = "Unknown"  # the master has not heard of it; believed only after a while

    terminal: bool  # whether no later update can bring the task back

    # Members are looked up in tables at every status update; the enum's own hash is computed in Python.
    __hash__ = str.__hash__


_TERMINAL = (
    Condition.FINISHED,
    Condition.FAILED,
    Condition.KILLED,
    Condition.ERROR,
    Condition.GONE,
    Condition.GONE_BY_OPERATOR,
    Condition.DROPPED,
)
for _condition in Condition:  # an attribute, not a look into a set: it is asked for at every status update
    _condition.terminal = _condition in _TERMINAL


class Goal(StrEnum):
    """What is wanted of an instance."""

    __hash__ = str.__hash__

    RUNNING = "Running"
    STOPPED = "Stopped"  # kill it, but keep it with its volumes
    DECOMMISSIONED = "Decommissioned"  # kill it, free its volumes, then forget it


@dataclass(frozen=True, slots=True, weakref_slot=True)
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
class CheckResult:
    """What a check of a container found last, in words."""

    check: str
    passed: bool
    result: str


@dataclass(frozen=True, slots=True)
class Task:
    """One container of one incarnation of an instance: a Mesos task.

    Attributes:
        id: the Mesos task id.
        container: the container's name in the definition.
        since: when the condition last changed.
        healthy: what the executor's health check last said; None before it spoke.
        ready: what its readiness check, or its check, last said; None before it spoke.
        restarts: how often its executor started the container again.
        essential: whether its end is that of the instance.
        message: one line of the last update.
        detail: all of that update's message, if it has more than the line.
        reason: Mesos' reason of the last update.
        checks: what its checks found last, as far as its executor tells.
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
    ready: bool | None = None
    restarts: int = 0
    essential: bool = True
    detail: str = ""
    checks: tuple[CheckResult, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalVolume:
    """A persistent volume that Mesos keeps for an instance.

    Attributes:
        name: of the volume in the definition.
        persistence_id: by which Mesos knows it.
    """

    name: str
    persistence_id: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an agent keeps for one instance across its launches: resources, and the volumes on them.

    Attributes:
        confirmed: whether the agent was seen to keep it, by an offer of it or by a task that ran on it.
        since: when it was asked for, or confirmed.
    """

    agent: Agent
    volumes: tuple[LocalVolume, ...]
    confirmed: bool
    since: float


@dataclass(frozen=True, slots=True)
class Ended:
    """What the last launch of an instance came to, as long as it waits for the next.

    Attributes:
        version: of the definition that was launched.
        agent: None: an operator gave it up.
    """

    version: str
    agent: Agent | None
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """One copy of a pod, kept across relaunches: each launch is a new incarnation with new task and executor ids.

    Attributes:
        version: the version of the definition it runs, or will run.
        config_version: the pod's when it was launched last; an instance with another one is outdated.
        tasks: the tasks of the current incarnation; empty while it waits for an offer.
        host_ports: endpoint name and allocated host port, in the definition's order.
        since: when condition or health last changed.
        killing: whether its present incarnation is to end, though the instance is to run on.
        inactive: whether it was out of reach for longer than its definition waits; it is replaced meanwhile.
        reservation: what is kept for it on an agent; it runs there and nowhere else.
        ended: what its last launch came to; None while it has tasks, and before it ever had.
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
    config_version: str = ""
    killing: bool = False
    inactive: bool = False
    reservation: Reservation | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How one container of an ended incarnation ended; ``message`` and ``detail`` are its task's."""

    task_id: str
    condition: Condition
    message: str
    detail: str = ""


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
        config_version: the version of the last change that needs a restart; an instance with the same is current.
        terminations: the last ended incarnations, newest last.
    """

    id: str
    version: str
    config_version: str
    terminations: tuple[Termination, ...] = ()


class Action(StrEnum):
    """What a deployment does to a pod, under Marathon's names."""

    START = "StartPod"  # make it known; starts no instance
    SCALE = "ScalePod"  # start what is missing, end what is too much
    RESTART = "RestartPod"  # put instances of the current configuration in place of all others
    STOP = "StopPod"  # end all its instances


@dataclass(frozen=True, slots=True)
class PodChange:
    """What a deployment changes of one pod.

    Attributes:
        before: the pod's version and config_version before; None: it was not there.
        after: its version afterwards; None: it is removed.
    """

    pod_id: str
    before: tuple[str, str] | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A change of pods on its way, in steps; forgotten when it is done.

    Attributes:
        version: when it was asked for, as pods' versions are written.
        steps: each a set of actions, (action, pod id), that go on side by side.
        step: counts from 1; the step it is at.
        released: the pods of the present step whose dependencies were ready; they do not wait again.
        batch_size: at most so many instances of a pod are replaced at a time; None: as its upgrade strategy allows.
        deadline: when it is rolled back unless it is done; None: never.
        time_left: seconds to its deadline, while it is paused.
        reverts: the deployment that this one rolls back.
    """

    id: str
    version: str
    created_at: float
    changes: tuple[PodChange, ...]
    steps: tuple[tuple[tuple[Action, str], ...], ...]
    step: int = 1
    released: tuple[str, ...] = ()
    paused: bool = False
    batch_size: int | None = None
    deadline: float | None = None
    time_left: float | None = None
    reverts: str | None = None


@dataclass(frozen=True, slots=True)
class Framework:
    """The identity Mesos gave this framework. Losing it means losing every running pod."""

    id: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cluster of the framework is known by: agents keep their ids over changes of masters.

    Attributes:
        agents: the ids of some that were there at the last subscription, sorted.
    """

    agents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clock:
    """How the scheduler's own time, in which all records are kept, relates to wall time.

    Attributes:
        skew: seconds by which wall time is ahead of it.
    """

    skew: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """An incarnation that was given up though it may still start, or run. Should it turn up, it is killed.

    Attributes:
        id: of its executor.
        tasks: the ids of those that nobody said for certain have ended.
        agent_id: where it was launched, or turned up.
        since: when it was given up, or turned up.
        grace: seconds its containers may take to stop.
        found: whether it turned up, and nobody said since then that all of it has ended.
    """

    id: str
    instance_id: str
    pod_id: str
    tasks: tuple[str, ...]
    agent_id: str
    since: float
    grace: float
    found: bool = False
