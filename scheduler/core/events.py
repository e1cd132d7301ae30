"""Everything that can happen to the framework. Past tense; each carries the ids that explain it."""

from dataclasses import dataclass

from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Agent, CheckResult, Condition, NetworkAddress


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The master accepted the subscription: a new stream, on which no old offer is valid.

    Attributes:
        region: of the leading master; the home region of fault domains. None: it has none.
        zone: of the leading master.
    """

    framework_id: str
    master: str
    mesos_version: str | None = None
    region: str | None = None  # of the master, where it has one
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The event stream ended; the driver is trying again."""


@dataclass(frozen=True, slots=True)
class FrameworkFailed:
    """The master refused the framework for good (an ERROR event), in its own words."""

    message: str


@dataclass(frozen=True, slots=True)
class OffersReceived:
    """Offers, as Mesos' v1 JSON.

    ``more``: how many others are there already and follow in events of their own.
    """

    offers: tuple[Json, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class OfferRescinded:
    """An offer is no longer valid."""

    offer_id: str


@dataclass(frozen=True, slots=True)
class StatusUpdated:
    """A task's status, from its executor, its agent or the master.

    Attributes:
        uuid: base64, present when the update wants an acknowledgement.
        timestamp: when the sender made it, seconds since the epoch.
        ready: whether the container can be used; None: the status does not say.
        restarts: how often its executor started the container again.
        checks: what its checks found last; None: the status does not tell.
        source: whose words these are, e.g. ``SOURCE_EXECUTOR``; empty: it is not said.
    """

    task_id: str
    condition: Condition
    agent_id: str | None
    uuid: str | None
    timestamp: float
    message: str = ""
    reason: str | None = None
    healthy: bool | None = None
    networks: tuple[NetworkAddress, ...] = ()
    ready: bool | None = None
    restarts: int = 0
    checks: tuple[CheckResult, ...] | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class OperationUpdated:
    """The status of an offer operation that has an id, such as the creation of a volume.

    Attributes:
        state: as Mesos names it, e.g. ``OPERATION_FINISHED``.
        uuid: base64, present when the update wants an acknowledgement.
        resource_provider_id: of the one that carried it out; None: the agent itself.
    """

    operation_id: str
    state: str
    message: str
    agent_id: str | None
    uuid: str | None = None
    resource_provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutorEnded:
    """An executor is gone. No more than a hint: it may be missing, and come before or after the tasks' statuses.

    Attributes:
        status: raw wait status of its process, where the agent knows it.
    """

    executor_id: str
    agent_id: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ExecutorInspected:
    """What an executor that failed left behind, as ``InspectExecutor`` asked.

    Attributes:
        tasks: the ids of those that ended by that.
        lines: the last that it wrote, plain text without control characters; none where that cannot be had.
    """

    pod_id: str
    executor_id: str
    tasks: tuple[str, ...]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentLost:
    """The master removed an agent. A hint, as ``ExecutorEnded``."""

    agent_id: str


@dataclass(frozen=True, slots=True)
class AgentsListed:
    """The agents that the master has, and those that it knows from its predecessor and waits for.

    Attributes:
        agents: None: the master does not let this framework see them.
    """

    agents: tuple[Agent, ...] | None


@dataclass(frozen=True, slots=True)
class Namesake:
    """Another framework of the same name, with running tasks.

    Attributes:
        connected: whether a scheduler of it is connected.
    """

    id: str
    name: str
    connected: bool


@dataclass(frozen=True, slots=True)
class FrameworksListed:
    """The frameworks of this one's name that have running tasks."""

    frameworks: tuple[Namesake, ...]


@dataclass(frozen=True, slots=True)
class AgentDescribed:
    """What an agent can do, read from its flags.

    Attributes:
        isolators: the names in its --isolation, e.g. ``filesystem/linux``.
    """

    agent_id: str
    isolators: frozenset[str]


@dataclass(frozen=True, slots=True)
class AgentsUnlisted:
    """The master's list of agents no longer has these; why, it does not say."""

    agent_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a change of pods is to be carried out.

    Attributes:
        force: whether it takes the place of deployments that are in its way.
        batch_size: at most so many instances of a pod are replaced at a time; None: as its upgrade strategy allows.
        deadline: seconds after which it is rolled back unless it is done; None: never.
    """

    force: bool = False
    batch_size: int | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Whence a request came: the client's address, and the URI it asked for."""

    client_ip: str = ""
    uri: str = ""


@dataclass(frozen=True, slots=True)
class PodPosted:
    """A user asked for a new pod. The definition is valid and normalised; its version is set when it is accepted."""

    request: int
    definition: PodDefinition
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class PodPut:
    """A user asked for a pod to be as defined, whether it exists or not."""

    request: int
    definition: PodDefinition
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class PodDeleted:
    """A user asked for a pod to be removed."""

    request: int
    pod_id: str
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class GroupDeleted:
    """A user asked for every pod below a path to be removed."""

    request: int
    group_id: str
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class InstancesKilled:
    """A user asked for instances of a pod to be killed; those that are not there are passed over.

    Attributes:
        wipe: whether they are given up for good, with their volumes; otherwise they are launched again.
    """

    request: int
    pod_id: str
    instance_ids: tuple[str, ...]
    wipe: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentCancelled:
    """A user asked for a deployment to end before it is done.

    Attributes:
        rollback: whether what it changed is to be as it was; otherwise it stays as far as it has come.
    """

    request: int
    deployment_id: str
    rollback: bool = True


@dataclass(frozen=True, slots=True)
class DeploymentPaused:
    """A user asked for a deployment to replace nothing more until it is resumed."""

    request: int
    deployment_id: str


@dataclass(frozen=True, slots=True)
class DeploymentResumed:
    """A user asked for a paused deployment to go on."""

    request: int
    deployment_id: str


@dataclass(frozen=True, slots=True)
class DelayReset:
    """A user asked for a pod to be launched without waiting for its back-off."""

    request: int
    pod_id: str


@dataclass(frozen=True, slots=True)
class StreamAttached:
    """Somebody began to follow the event stream."""

    remote_address: str


@dataclass(frozen=True, slots=True)
class StreamDetached:
    """Somebody follows the event stream no more."""

    remote_address: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """The time of the world's next deadline has come."""


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The system clock was set.

    Attributes:
        skew: seconds by which wall time is ahead of the scheduler's own from now on.
    """

    skew: float


Event = (
    Subscribed
    | Disconnected
    | FrameworkFailed
    | OffersReceived
    | OfferRescinded
    | StatusUpdated
    | OperationUpdated
    | ExecutorEnded
    | ExecutorInspected
    | AgentLost
    | AgentDescribed
    | AgentsListed
    | FrameworksListed
    | AgentsUnlisted
    | PodPosted
    | PodPut
    | PodDeleted
    | GroupDeleted
    | InstancesKilled
    | DeploymentCancelled
    | DeploymentPaused
    | DeploymentResumed
    | DelayReset
    | StreamAttached
    | StreamDetached
    | Ticked
    | ClockSet
)
