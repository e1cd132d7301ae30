"""The events the core reacts to, named in the past tense; each carries the ids that explain it."""

from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.policy.contents import Policy
from scheduler.model.records import Agent, CheckResult, Condition, NetworkAddress


class Subscribed(Frozen):
    """The master accepted the subscription: a new stream, on which no old offer is valid.

    Attributes:
        region: the leading master's, the home region of fault domains. None: it has none.
        zone: the leading master's.
    """

    framework_id: str
    master: str
    mesos_version: str | None = None
    region: str | None = None
    zone: str | None = None


class Disconnected(Frozen):
    """The event stream ended; the driver is reconnecting."""


class FrameworkFailed(Frozen):
    """The master refused the framework for good (an ERROR event); ``message`` is the master's own."""

    message: str


class OffersReceived(Frozen):
    """Offers, as Mesos' v1 JSON.

    ``more``: how many other offers have arrived already and follow in events of their own.
    """

    offers: tuple[Json, ...]
    more: int = 0


class OfferRescinded(Frozen):
    """An offer is no longer valid."""

    offer_id: str


class StatusUpdated(Frozen):
    """A task's status, from its executor, its agent or the master.

    Attributes:
        uuid: base64; set if the update must be acknowledged.
        timestamp: when the sender made it, seconds since the epoch.
        ready: whether the container is ready; None: the status does not say.
        restarts: how many times the executor restarted the container.
        checks: the last results of its checks; None: the status does not say.
        source: the sender, e.g. ``SOURCE_EXECUTOR``; empty: the status does not say.
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


class StatusesUpdated(Frozen):
    """Several statuses that arrived one after the other."""

    statuses: tuple[StatusUpdated, ...]


class OperationUpdated(Frozen):
    """The status of an offer operation that has an id, such as the creation of a volume.

    Attributes:
        state: as Mesos names it, e.g. ``OPERATION_FINISHED``.
        uuid: base64; set if the update must be acknowledged.
        resource_provider_id: the provider that carried it out; None: the agent itself.
    """

    operation_id: str
    state: str
    message: str
    agent_id: str | None
    uuid: str | None = None
    resource_provider_id: str | None = None


class ExecutorEnded(Frozen):
    """An executor is gone. Only a hint: it may be missing, and may come before or after the statuses of its tasks.

    Attributes:
        status: raw wait status of its process, if the agent knows it.
    """

    executor_id: str
    agent_id: str
    status: int | None = None


class ExecutorInspected(Frozen):
    """The last output of a failed executor: the answer to ``InspectExecutor``.

    Attributes:
        tasks: the ids of the tasks that ended because the executor failed.
        lines: its last lines, plain text without control characters; none if they cannot be read.
    """

    pod_id: str
    executor_id: str
    tasks: tuple[str, ...]
    lines: tuple[str, ...] = ()


class AgentLost(Frozen):
    """The master removed an agent. Only a hint, like ``ExecutorEnded``."""

    agent_id: str


class AgentsListed(Frozen):
    """The agents of the master, including those it knows from its predecessor and that have yet to register again.

    Attributes:
        agents: None: the master does not let this framework see them.
    """

    agents: tuple[Agent, ...] | None


class Namesake(Frozen):
    """Another framework of the same name, with running tasks.

    Attributes:
        connected: whether its scheduler is connected.
    """

    id: str
    name: str
    connected: bool


class FrameworksListed(Frozen):
    """The other frameworks of the same name that have running tasks."""

    frameworks: tuple[Namesake, ...]


class AgentDescribed(Frozen):
    """The abilities of an agent, read from its flags.

    Attributes:
        isolators: the names in its --isolation, e.g. ``filesystem/linux``.
    """

    agent_id: str
    isolators: frozenset[str]


class AgentsUnlisted(Frozen):
    """The master's list of agents no longer contains these; the master does not say why."""

    agent_ids: frozenset[str]


class Rollout(Frozen):
    """How a change of pods is to be carried out.

    Attributes:
        force: whether conflicting deployments are cancelled first.
        batch_size: how many instances of a pod are replaced at a time, at most; None: as its upgrade strategy allows.
        deadline: seconds after which it is rolled back unless it has finished; None: never.
    """

    force: bool = False
    batch_size: int | None = None
    deadline: float | None = None


class Origin(Frozen):
    """The origin of a request: the client's address, the requested URI, and the user, if the API knows one."""

    client_ip: str = ""
    uri: str = ""
    user: str = ""


class PodPosted(Frozen):
    """A user asked for a new pod. The definition is valid and normalised; its version is set when it is accepted."""

    request: int
    definition: PodDefinition
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


class PodPut(Frozen):
    """A user asked for a pod to be created, or to be changed to this definition if it exists.

    Attributes:
        based_on: the versions of the pod that the change is meant for; empty: any, or none.
    """

    request: int
    definition: PodDefinition
    rollout: Rollout = Rollout()
    origin: Origin = Origin()
    based_on: tuple[str, ...] = ()


class PodRestarted(Frozen):
    """A user asked for the instances of a pod to be replaced by new ones of the same definition."""

    request: int
    pod_id: str
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


class PodDeleted(Frozen):
    """A user asked for a pod to be removed."""

    request: int
    pod_id: str
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


class GroupDeleted(Frozen):
    """A user asked for every pod below a path to be removed."""

    request: int
    group_id: str
    rollout: Rollout = Rollout()
    origin: Origin = Origin()


class InstancesKilled(Frozen):
    """A user asked for instances of a pod to be killed; unknown ones are ignored.

    Attributes:
        wipe: whether they are destroyed together with their volumes and replaced; otherwise they are relaunched.
    """

    request: int
    pod_id: str
    instance_ids: tuple[str, ...]
    wipe: bool = False
    origin: Origin = Origin()


class DeploymentCancelled(Frozen):
    """A user asked for a deployment to be rolled back (Marathon's DELETE) or, if forced, to be cancelled.

    Attributes:
        rollback: whether the previous versions of its pods are restored; otherwise changes already made are kept.
    """

    request: int
    deployment_id: str
    rollback: bool = True
    origin: Origin = Origin()


class DeploymentPaused(Frozen):
    """A user asked for a deployment to be paused."""

    request: int
    deployment_id: str
    origin: Origin = Origin()


class DeploymentResumed(Frozen):
    """A user asked for a paused deployment to be resumed."""

    request: int
    deployment_id: str
    origin: Origin = Origin()


class DelayReset(Frozen):
    """A user asked for the launch back-off of a pod to be cleared."""

    request: int
    pod_id: str
    origin: Origin = Origin()


class OrphanKilled(Frozen):
    """A user asked for an orphan to be killed: something that runs and is on no record."""

    request: int
    orphan_id: str
    origin: Origin = Origin()


class OrphanAdopted(Frozen):
    """A user asked for an orphan to become an instance of a pod, which is created with this definition if it is new."""

    request: int
    orphan_id: str
    definition: PodDefinition
    origin: Origin = Origin()


class PolicyChanged(Frozen):
    """The operator changed the policy."""

    policy: Policy


class OffersAsked(Frozen):
    """Someone wants to know what agents would offer to a role at this moment."""

    role: str


class StreamAttached(Frozen):
    """A client began to follow the event stream."""

    remote_address: str


class StreamDetached(Frozen):
    """A client stopped following the event stream."""

    remote_address: str


class Ticked(Frozen):
    """The world's next deadline has expired."""


class ClockSet(Frozen):
    """The system clock was set.

    Attributes:
        skew: seconds by which wall time is ahead of the scheduler's own clock from now on.
    """

    skew: float


Event = (
    Subscribed
    | Disconnected
    | FrameworkFailed
    | OffersReceived
    | OfferRescinded
    | StatusUpdated
    | StatusesUpdated
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
    | PodRestarted
    | PodDeleted
    | GroupDeleted
    | InstancesKilled
    | DeploymentCancelled
    | DeploymentPaused
    | DeploymentResumed
    | DelayReset
    | OrphanKilled
    | OrphanAdopted
    | PolicyChanged
    | OffersAsked
    | StreamAttached
    | StreamDetached
    | Ticked
    | ClockSet
)
