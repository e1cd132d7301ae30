"""Everything the core can ask for.

Imperative. The shell performs them after the frame's changes are durable, acknowledgements last.
"""

from dataclasses import dataclass

from scheduler.model.definition import PodDefinition
from scheduler.model.json import Json
from scheduler.model.records import Instance


@dataclass(frozen=True, slots=True)
class Accept:
    """Use an offer for these operations, in order; what is left of it is declined for ``refuse_seconds``."""

    offer_id: str
    operations: tuple[Json, ...]
    refuse_seconds: float


@dataclass(frozen=True, slots=True)
class Decline:
    """Give offers back and do not see them again for ``refuse_seconds``."""

    offer_ids: tuple[str, ...]
    refuse_seconds: float


@dataclass(frozen=True, slots=True)
class Revive:
    """Ask for offers to these roles again, forgetting all their earlier refusals."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suppress:
    """Ask for no more offers to these roles."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRoles:
    """Be these roles from now on, also on every later subscription. A role that is new is not offered anything yet."""

    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill a task. At most once on its way: the core repeats it until the task has ended.

    Attributes:
    """

    task_id: str
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Shutdown:
    """End an executor and all its tasks. At most once on its way, and lost while its agent is disconnected."""

    executor_id: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class InspectExecutor:
    """Find out what an executor that failed wrote last; answered by ``ExecutorInspected``, if at all.

    Attributes:
        tasks: the ids of those that ended by that.
    """

    pod_id: str
    executor_id: str
    agent_id: str
    tasks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Ask the master for the state of these (task id, agent id); empty: of all it knows."""

    tasks: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class ListAgents:
    """Ask the master which agents it has: ``AgentsListed`` is the answer, if there is one."""


@dataclass(frozen=True, slots=True)
class ListFrameworks:
    """Ask the master for other frameworks of the same name: ``FrameworksListed`` is the answer, if there is one."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """Tell the agent that a status is durable here. Performed last."""

    task_id: str
    agent_id: str
    uuid: str


@dataclass(frozen=True, slots=True)
class AcknowledgeOperation:
    """Tell the agent that the status of an offer operation is durable here. Performed last."""

    operation_id: str
    agent_id: str
    uuid: str
    resource_provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A request was accepted.

    Attributes:
        definition: the pod as stored; None after a delete.
        version: when the deployment was asked for, as pods' versions are written.
    """

    deployment_id: str
    definition: PodDefinition | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Killed:
    """These instances are being killed; as they were when it was asked."""

    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was refused and changed nothing.

    Attributes:
        kind: ``exists`` | ``absent`` | ``invalid`` | ``locked`` | ``needed`` | ``busy``.
        problems: (path in the definition, message); only for ``invalid``.
        deployments: those in the way; only for ``locked``.
    """

    kind: str
    message: str
    problems: tuple[tuple[str, str], ...] = ()
    deployments: tuple[str, ...] = ()


Answer = Done | Killed | Refused


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the API request of that number."""

    request: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Publish:
    """Tell whoever follows the event stream, under a number that no other event has; kept for those who come later.

    Attributes:
        kind: Marathon's ``eventType``.
        content: the event's JSON but for its time.
        at: its time, seconds since the epoch.
    """

    kind: str
    content: Json
    at: float


@dataclass(frozen=True, slots=True)
class Log:
    """Something an operator should find in the log; ``fields`` carry the ids that explain it."""

    level: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """End the process: the framework cannot go on, and why."""

    message: str


Effect = (
    Accept
    | Decline
    | Revive
    | Suppress
    | SetRoles
    | Kill
    | Shutdown
    | InspectExecutor
    | Reconcile
    | ListAgents
    | ListFrameworks
    | Acknowledge
    | AcknowledgeOperation
    | Reply
    | Publish
    | Log
    | Stop
)
