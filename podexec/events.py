"""Everything that can happen to a pod instance, and everything the machine can ask for.

Plain records in the executor's own terms: no pymesos, no JSON of the agent, no I/O. Events are in the past
tense, effects in the imperative.
"""

from __future__ import annotations

from collections.abc import Mapping

from podexec.health import HealthPolicy
from podexec.kills import DEFAULT_KILL_GRACE
from podexec.record import record
from podexec.termination import Termination
from podexec.wire import Dependency, Finding, Restart


@record
class TaskSpec:
    """What the machine must know of one container; the rest of the TaskInfo stays at the edge.

    Attributes:
        container_id: of the first run; later runs have it with their number.
        health: how each of its health checks judges.
        check: the kind of its check, if it has one.
        readiness: after how many failures in a row it is no longer ready; None: it has no readiness check.
        has_hook: whether a command is run before its end.
    """

    task_id: str
    container_id: str
    name: str
    kill_grace: float = DEFAULT_KILL_GRACE
    max_completion: float | None = None
    health: tuple[HealthPolicy, ...] = ()
    check: str | None = None
    readiness: int | None = None
    restart: Restart | None = None
    essential: bool = True
    depends_on: tuple[Dependency, ...] = ()
    has_hook: bool = False

    @property
    def has_checks(self) -> bool:
        """Of any kind."""
        return bool(self.health or self.check) or self.readiness is not None


@record
class CheckStatus:
    """The latest result of a ``check``; ``value`` is a status code, an exit code or whether a connection succeeded."""

    kind: str
    value: int | bool | None = None

    @property
    def passes(self) -> bool:
        """Whether the result is a good one: 2xx, 3xx; exit code 0; connected."""
        if self.value is None:
            return False
        if self.kind == "HTTP":
            return self.value in range(200, 400)
        return self.value is True if self.kind == "TCP" else self.value == 0


# -- events ----------------------------------------------------------------------------------------------------


@record
class Subscribed:
    """The agent accepted us; what the framework understands comes with it.

    Attributes:
        wants_findings: whether it wants to hear of results of checks that change nothing.
    """

    kill_states: bool
    partition_aware: bool
    wants_findings: bool = False


@record
class GroupReceived:
    """A LAUNCH_GROUP; ``refusal`` says why none of it can be run."""

    tasks: tuple[TaskSpec, ...]
    refusal: str = ""


@record
class ContainerLaunched:
    container_id: str


@record
class LaunchFailed:
    container_id: str
    error: str


@record
class ContainerExited:
    container_id: str
    termination: Termination


@record
class LetGo:
    """The kernel has let go of the control group of an ended run."""

    container_id: str


@record
class SignalAnswered:
    """The agent's answer to a Signal effect."""

    container_id: str
    signal: int
    accepted: bool


@record
class HookEnded:
    """The command before the end has ended, failed or could not be run: it is all the same."""

    container_id: str


@record
class HealthObserved:
    """A result of one of the health checks, by its place among them."""

    container_id: str
    passed: bool
    message: str = ""
    index: int = 0


@record
class ReadinessObserved:
    container_id: str
    passed: bool
    message: str = ""


@record
class CheckObserved:
    container_id: str
    status: CheckStatus
    message: str = ""


@record
class KillRequested:
    """The scheduler's KILL; ``grace`` is the kill policy of the event itself."""

    task_id: str
    grace: float | None = None


@record
class ShutdownRequested:
    """All must end within ``grace`` seconds. Without a subscription nothing can be done but leave."""

    reason: str
    grace: float
    subscribed: bool = True


@record
class Ticked:
    """Time has passed; nothing else."""


ContainerEvent = (
    ContainerLaunched
    | LaunchFailed
    | ContainerExited
    | LetGo
    | SignalAnswered
    | HookEnded
    | HealthObserved
    | ReadinessObserved
    | CheckObserved
)
Event = Subscribed | GroupReceived | ContainerEvent | KillRequested | ShutdownRequested | Ticked


# -- effects ---------------------------------------------------------------------------------------------------


@record
class Launch:
    """Launch the container, then wait for its end; ``first_id`` is the id of its first run."""

    container_id: str
    first_id: str


@record
class Signal:
    container_id: str
    signal: int


@record
class RunHook:
    """Run the command before the end inside the container."""

    container_id: str


@record
class Remove:
    """Forget an ended run of a container, its sandbox included."""

    container_id: str


@record
class StartChecks:
    container_id: str


@record
class StopChecks:
    container_id: str


@record
class AwaitLetGo:
    """Tell when the kernel has let go of the removed control group of an ended run, if that can be seen."""

    container_id: str


@record
class Report:
    """Send a status update of a task, about this container of it; empty: there was none.

    Attributes:
        age: how many seconds ago it became true.
        findings: what its checks found last; None: it has none.
    """

    task_id: str
    state: str
    reason: str | None = None
    message: str | None = None
    healthy: bool | None = None
    check: CheckStatus | None = None
    limitation: Mapping[str, object] | None = None
    container_id: str = ""
    ready: bool | None = None
    restarts: int = 0
    age: float = 0.0
    findings: tuple[Finding, ...] | None = None


@record
class Forget:
    """Nothing more will be asked about the container, which has ended for good; by the id of its first run."""

    first_id: str


@record
class Leave:
    """Exit when every update is acknowledged, at the latest at ``by``."""

    by: float


@record
class Note:
    """Something for the log that asks for nothing: what was ignored, and why."""

    text: str
    container_id: str = ""


Effect = Launch | Signal | RunHook | Remove | StartChecks | StopChecks | AwaitLetGo | Report | Forget | Leave | Note
