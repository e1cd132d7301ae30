"""Events that can happen to a pod instance, and effects that the machine can ask for.

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
    """The part of a TaskInfo that the machine needs; the rest stays at the edge.

    Attributes:
        container_id: id of the first run; later runs append their number.
        health: policy of each health check.
        check: kind of the check, if the container has one.
        readiness: number of failures in a row after which it is no longer ready; None without a readiness check.
        has_hook: whether it has a ``preStop`` command.
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
        """Whether the container has checks of any kind."""
        return bool(self.health or self.check) or self.readiness is not None


@record
class CheckStatus:
    """Latest result of a ``check``; ``value`` is a status code, an exit code or whether a connection succeeded."""

    kind: str
    value: int | bool | None = None

    @property
    def passes(self) -> bool:
        """Whether the result is a success: 2xx or 3xx, exit code 0, or connected."""
        if self.value is None:
            return False
        if self.kind == "HTTP":
            return self.value in range(200, 400)
        return self.value is True if self.kind == "TCP" else self.value == 0


# -- events ----------------------------------------------------------------------------------------------------


@record
class Subscribed:
    """The agent accepted the subscription; with what the framework supports.

    Attributes:
        wants_findings: whether the framework wants results of checks that change neither health nor readiness.
    """

    kill_states: bool
    partition_aware: bool
    wants_findings: bool = False


@record
class GroupReceived:
    """A LAUNCH_GROUP arrived; ``refusal`` says why none of it can run."""

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
    """The kernel has released the control group of an ended run."""

    container_id: str


@record
class SignalAnswered:
    """The agent answered a Signal effect."""

    container_id: str
    signal: int
    accepted: bool


@record
class HookEnded:
    """The ``preStop`` command ended, failed or could not be run; these are treated alike."""

    container_id: str


@record
class HealthObserved:
    """A health check had a result; ``index`` says which one."""

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
    """The scheduler sent KILL; ``grace`` comes from the kill policy of the event itself."""

    task_id: str
    grace: float | None = None


@record
class ShutdownRequested:
    """Everything must end within ``grace`` seconds. Without a subscription the executor can only exit."""

    reason: str
    grace: float
    subscribed: bool = True


@record
class Ticked:
    """Time has passed, or something outside the machine has changed."""


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
    """Launch the container and wait for its end; ``first_id`` is the id of its first run."""

    container_id: str
    first_id: str


@record
class Signal:
    container_id: str
    signal: int


@record
class RunHook:
    """Run the ``preStop`` command inside the container."""

    container_id: str


@record
class Remove:
    """Remove an ended run of a container, including its sandbox."""

    container_id: str


@record
class StartChecks:
    container_id: str


@record
class StopChecks:
    container_id: str


@record
class AwaitLetGo:
    """Send LetGo when the kernel has released the control group of an ended run, if that can be seen."""

    container_id: str


@record
class Report:
    """Send a status update of a task, about a container of it; an empty ``container_id`` means that there was none.

    Attributes:
        age: seconds since it became true.
        findings: the last result of each check; None without checks.
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
    """Drop what is kept of a container that has ended for good; ``first_id`` is the id of its first run."""

    first_id: str


@record
class Leave:
    """Exit when every update is acknowledged, at ``by`` at the latest."""

    by: float


@record
class Note:
    """Write a line to the log: what was ignored, and why."""

    text: str
    container_id: str = ""


Effect = Launch | Signal | RunHook | Remove | StartChecks | StopChecks | AwaitLetGo | Report | Forget | Leave | Note
