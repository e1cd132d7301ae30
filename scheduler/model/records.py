"""The runtime records: everything the framework remembers about pods, instances and tasks, in one table.

Frozen, so that a record handed to the store or to a reader can never change under it; the core replaces records whole.
Times are seconds since the epoch, on the scheduler's own clock (``core.clock``). Nothing here makes decisions.
"""

from enum import StrEnum

from scheduler.model.frozen import Frozen


class Condition(StrEnum):
    """The condition of a task, or of an instance as a whole.

    Mesos' task states under Marathon's names, and the conditions before a launch.
    """

    SCHEDULED = "Scheduled"  # waits for an offer
    PROVISIONED = "Provisioned"  # matched and recorded; no status from Mesos yet
    STAGING = "Staging"
    STARTING = "Starting"
    RUNNING = "Running"
    KILLING = "Killing"
    FINISHED = "Finished"
    FAILED = "Failed"
    KILLED = "Killed"
    ERROR = "Error"
    GONE = "Gone"
    GONE_BY_OPERATOR = "GoneByOperator"  # an operator marked its agent gone, with everything on it
    DROPPED = "Dropped"
    UNREACHABLE = "Unreachable"
    UNREACHABLE_INACTIVE = "UnreachableInactive"  # of an instance: unreachable for so long that it is replaced
    UNKNOWN = "Unknown"  # the master does not know it; believed only after a while

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
for _condition in Condition:  # an attribute, not a look into a set: it is needed at every status update
    _condition.terminal = _condition in _TERMINAL


class Goal(StrEnum):
    """The state an instance is to reach."""

    __hash__ = str.__hash__

    RUNNING = "Running"
    STOPPED = "Stopped"  # kill it, but keep it with its volumes
    DECOMMISSIONED = "Decommissioned"  # kill it, free its volumes, then forget it


class Agent(Frozen, gc=True, weakref=True):
    """The agent an instance was placed on, as its offer described it.

    Attributes:
        attributes: (name, value as a string), set by the agent's operator.
    """

    id: str
    hostname: str
    region: str | None = None
    zone: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


class NetworkAddress(Frozen):
    """A container's IP addresses on one network: the network's name (None: the host's) and the addresses."""

    name: str | None
    addresses: tuple[str, ...]


class CheckResult(Frozen):
    """The last result of one of a container's checks, as shown to users."""

    check: str
    passed: bool
    result: str


class Task(Frozen):
    """One container of one incarnation of an instance: a Mesos task.

    Attributes:
        id: the Mesos task id.
        container: the container's name in the definition.
        since: when the condition last changed.
        healthy: the last result of its health check; None before the first.
        ready: the last result of its readiness check, or of its check; None before the first.
        restarts: how often its executor restarted the container.
        essential: whether its end is the end of the instance.
        message: the last update's message, in one line.
        detail: that message in full, if it is more than the line.
        reason: Mesos' reason of the last update.
        checks: the last results of its checks, if its executor reports them.
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


class LocalVolume(Frozen):
    """A persistent volume that Mesos keeps for an instance.

    Attributes:
        name: the volume's name in the definition.
        persistence_id: the volume's id in Mesos.
    """

    name: str
    persistence_id: str


class Reservation(Frozen):
    """What an agent reserves for one instance across its launches: resources, and the volumes on them.

    Attributes:
        confirmed: whether an offer, or a task that ran on it, has shown that the agent has it.
        since: when it was requested, or confirmed.
    """

    agent: Agent
    volumes: tuple[LocalVolume, ...]
    confirmed: bool
    since: float


class Ended(Frozen):
    """How the last launch of an instance ended; kept while the instance waits for the next.

    Attributes:
        version: the version of the definition that was launched.
        agent: None: an operator gave the agent up.
    """

    version: str
    agent: Agent | None
    tasks: tuple[Task, ...]


class What(StrEnum):
    """What happened to an instance."""

    CREATED = "created"
    WAITED = "waited"  # for an offer, for long
    LAUNCHED = "launched"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    HEALTHY = "healthy"
    NOT_READY = "not ready"
    READY = "ready"
    RESTARTED = "restarted in place"
    FAILED = "failed"  # a container that is not essential
    UNREACHABLE = "unreachable"
    REACHABLE = "reachable again"
    REPLACED = "replacement started"
    KILLED = "killed"
    ENDED = "ended"


class Happening(Frozen):
    """Something that happened to an instance.

    Attributes:
        about: the container, if it happened to one; in the story of a pod, the instance.
        cause: one line, or empty.
        where: the agent's hostname, of a launch.
        times: how often it happened in a row, alone or with the same others; ``at`` and ``where`` are the last ones.
        first: when it happened first; None: it happened once.
    """

    at: float
    what: What
    about: str = ""
    cause: str = ""
    where: str = ""
    times: int = 1
    first: float | None = None


class Instance(Frozen):
    """One copy of a pod, kept across relaunches: each launch is a new incarnation with new task and executor ids.

    Attributes:
        version: the version of the definition it runs, or will run.
        config_version: the pod's at its last launch; if the pod's is another now, the instance is outdated.
        tasks: the tasks of the current incarnation; empty while it waits for an offer.
        host_ports: endpoint name and allocated host port, in the definition's order.
        since: when its condition or health last changed.
        killing: whether its current incarnation is to end although the instance is to keep running.
        inactive: whether it was unreachable for longer than its definition allows, so that it has a replacement.
        reservation: what an agent reserves for it; it runs there and nowhere else.
        ended: how its last launch ended; None while it has tasks, and before its first launch.
        story: the last happenings that do not follow from the other fields, newest last (ADR 27).
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
    story: tuple[Happening, ...] = ()


class TaskEnd(Frozen):
    """How one container of an ended incarnation ended. ``message`` and ``detail`` are its task's."""

    task_id: str
    condition: Condition
    message: str
    detail: str = ""


class Termination(Frozen):
    """One ended incarnation of an instance, kept so that a user can see why it was relaunched."""

    instance_id: str
    started_at: float
    terminated_at: float
    message: str
    tasks: tuple[TaskEnd, ...]


class Deed(StrEnum):
    """What a user did to a pod."""

    CREATED = "created"
    UPDATED = "updated"
    RESTARTED = "restarted"
    KILLED = "instances killed"
    DELAY_RESET = "delay reset"
    ADOPTED = "orphan adopted"
    PAUSED = "deployment paused"
    RESUMED = "deployment resumed"
    ROLLED_BACK = "deployment rolled back"
    CANCELLED = "deployment cancelled"


_STARTING = (Deed.CREATED, Deed.UPDATED, Deed.ROLLED_BACK)


class HistoryEntry(Frozen):
    """One change of a pod that a user asked for.

    Attributes:
        user: their name; empty: the API did not ask for one.
        version: the pod's version after it.
        deployment_id: the deployment that it started, or was about; empty: none.
        ended_at: when the deployment that it started ended; None: it is running, or there is none.
        failure: why that deployment failed; empty: it did not.
    """

    at: float
    deed: Deed
    user: str
    client_ip: str
    version: str
    deployment_id: str
    ended_at: float | None = None
    failure: str = ""

    @property
    def starts_deployment(self) -> bool:
        """Whether the change started its deployment; others are about one that was running."""
        return bool(self.deployment_id) and self.deed in _STARTING


class Pod(Frozen):
    """A pod that a user has created.

    Attributes:
        version: the current definition's version.
        config_version: the version of the last change that needs a restart; an instance that has it is current.
        terminations: the last ended incarnations, newest last.
        history: the last changes, newest last.
        story: the last ends of its instances, newest last.
    """

    id: str
    version: str
    config_version: str
    terminations: tuple[Termination, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    story: tuple[Happening, ...] = ()


class Action(StrEnum):
    """What a deployment does to a pod, under Marathon's names."""

    START = "StartPod"  # create it, without instances
    SCALE = "ScalePod"  # start missing instances, end excess ones
    RESTART = "RestartPod"  # replace all instances that are not of the current configuration
    STOP = "StopPod"  # end all its instances


class PodChange(Frozen):
    """A deployment's change of one pod.

    Attributes:
        before: the pod's version and config_version before; None: it did not exist.
        after: its version afterwards; None: it is removed.
    """

    pod_id: str
    before: tuple[str, str] | None
    after: str | None


class Deployment(Frozen):
    """A change of pods in progress, in steps; removed when it is done.

    Attributes:
        version: the time of the request, written like a pod's version.
        steps: each a set of actions, (action, pod id), that run in parallel.
        step: the current step; counts from 1.
        released: the pods of the current step whose dependencies were ready; they do not wait again.
        batch_size: at most this many instances of a pod are replaced at a time; None: as its upgrade strategy allows.
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


class Framework(Frozen):
    """The framework's id in Mesos. Losing it means losing every running pod."""

    id: str


class Cluster(Frozen):
    """Identifies the framework's cluster by its agents, which keep their ids when masters change.

    Attributes:
        agents: the ids of some agents at the last subscription, sorted.
    """

    agents: tuple[str, ...]


class Clock(Frozen):
    """Relates the scheduler's own time, which all records use, to wall time.

    Attributes:
        skew: seconds by which wall time is ahead.
    """

    skew: float


class Abandoned(Frozen):
    """An incarnation that was given up although it may still start or run. If it shows up, it is killed.

    Attributes:
        id: its executor's id.
        tasks: the ids of the tasks that are not known for certain to have ended.
        agent_id: the agent on which it was launched, or showed up.
        since: when it was given up, or showed up.
        grace: seconds its containers may take to stop.
        found: whether it showed up and is not known to have ended since.
    """

    id: str
    instance_id: str
    pod_id: str
    tasks: tuple[str, ...]
    agent_id: str
    since: float
    grace: float
    found: bool = False
