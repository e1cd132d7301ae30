"""The effects the core can ask for, named in the imperative.

The event loop performs them after the frame's changes are durable, acknowledgements last.
"""

import msgspec

from scheduler.model.definition import PodDefinition
from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.records import Instance


class LaunchGroup(Frozen):
    """The operation that launches one instance.

    Attributes:
        text: its v1 JSON, already written because launches of a definition share most of it (``launch.written``).
        tasks: the number of its tasks.
    """

    text: bytes
    tasks: int


Operation = LaunchGroup | Json


def as_json(operation: Operation) -> Json:
    """An offer operation as Mesos reads it."""
    if not isinstance(operation, LaunchGroup):
        return operation
    read: Json = msgspec.json.decode(operation.text)
    return read


class Accept(Frozen):
    """Use an offer for these operations, in order; the rest of it is declined for ``refuse_seconds``."""

    offer_id: str
    operations: tuple[Operation, ...]
    refuse_seconds: float


class Decline(Frozen):
    """Decline offers; their resources are not offered again for ``refuse_seconds``."""

    offer_ids: tuple[str, ...]
    refuse_seconds: float


class Revive(Frozen):
    """Ask for offers to these roles again; the master forgets all earlier refusals of theirs."""

    roles: tuple[str, ...]


class Suppress(Frozen):
    """Stop offers to these roles."""

    roles: tuple[str, ...]


class SetRoles(Frozen):
    """Have these roles from now on, also on every later subscription. A new role gets no offers yet."""

    roles: tuple[str, ...]


class Kill(Frozen):
    """Kill a task. Mesos delivers a kill at most once: the core repeats it until the task has ended."""

    task_id: str
    agent_id: str | None


class Shutdown(Frozen):
    """Shut down an executor and all its tasks. Delivered at most once, and lost while its agent is disconnected."""

    executor_id: str
    agent_id: str


class InspectExecutor(Frozen):
    """Read the last output of a failed executor; answered by ``ExecutorInspected``, if at all.

    Attributes:
        tasks: the ids of the tasks that ended because the executor failed.
    """

    pod_id: str
    executor_id: str
    agent_id: str
    tasks: tuple[str, ...]


class Reconcile(Frozen):
    """Ask the master for the state of these tasks (task id, agent id); empty: of all it knows."""

    tasks: tuple[tuple[str, str | None], ...]


class ListAgents(Frozen):
    """Ask the master which agents it has; answered by ``AgentsListed``, if at all."""


class ListFrameworks(Frozen):
    """Ask the master for other frameworks of the same name; answered by ``FrameworksListed``, if at all."""


class Acknowledge(Frozen):
    """Acknowledge a status that is durable here. Performed last."""

    task_id: str
    agent_id: str
    uuid: str


class AcknowledgeOperation(Frozen):
    """Acknowledge the status of an offer operation that is durable here. Performed last."""

    operation_id: str
    agent_id: str
    uuid: str
    resource_provider_id: str | None = None


class Done(Frozen):
    """A request was accepted.

    Attributes:
        definition: the pod as stored; None after a delete.
        version: when the deployment was requested, in the format of pod versions.
        warnings: (path in the definition, message) of what the policy warns about; None: of nothing.
    """

    deployment_id: str
    definition: PodDefinition | None = None
    version: str = ""
    warnings: tuple[tuple[str, str], ...] | None = None


class Killed(Frozen):
    """These instances are being killed; their state is the one before the request."""

    instances: tuple[Instance, ...]


class Refused(Frozen):
    """A request was refused and changed nothing.

    Attributes:
        kind: ``exists`` | ``absent`` | ``invalid`` | ``locked`` | ``needed`` | ``busy`` | ``outdated``.
        problems: (path in the definition, message); only for ``invalid``.
        deployments: the conflicting ones; only for ``locked``.
    """

    kind: str
    message: str
    problems: tuple[tuple[str, str], ...] = ()
    deployments: tuple[str, ...] = ()


def absent(kind: str, name: str) -> Refused:
    """The refusal of a request about a pod, group or deployment that does not exist."""
    return Refused("absent", f"{kind} '{name}' does not exist")


Answer = Done | Killed | Refused


class Reply(Frozen):
    """Answer the API request with this number."""

    request: int
    answer: Answer


class Publish(Frozen):
    """Publish on the event stream, under a number of its own; kept for clients that connect later.

    Attributes:
        kind: Marathon's ``eventType``.
        content: the event's JSON but for its time.
        at: its time, seconds since the epoch.
        pods: the pods that it is about, if its content does not say.
    """

    kind: str
    content: Json
    at: float
    pods: tuple[str, ...] = ()


class Log(Frozen):
    """Write to the operator's log; ``fields`` carry the ids that explain the message."""

    level: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()


class Stop(Frozen):
    """End the process: the framework cannot continue; ``message`` says why."""

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
