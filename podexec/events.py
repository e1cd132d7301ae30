"""Everything that can happen to a pod instance, and everything the machine can ask for.

Plain records in the executor's own terms: no pymesos, no JSON of the agent, no I/O. Events are in the past
tense, effects in the imperative.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podexec.ending import Termination
from podexec.policy import DEFAULT_KILL_GRACE, HealthPolicy


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """What the machine must know of one container; the rest of the TaskInfo stays at the edge."""

    task_id: str
    container_id: str
    name: str
    kill_grace: float = DEFAULT_KILL_GRACE
    max_completion: float | None = None
    health: HealthPolicy | None = None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """The latest result of a ``check``; ``value`` is a status code, an exit code or whether a connection succeeded."""

    kind: str
    value: int | bool | None = None


# -- events ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The agent accepted us; what the framework understands comes with it."""

    kill_states: bool
    partition_aware: bool


@dataclass(frozen=True, slots=True)
class GroupReceived:
    """A LAUNCH_GROUP; ``refusal`` says why none of it can be run."""

    tasks: tuple[TaskSpec, ...]
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class ContainerLaunched:
    container_id: str


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    container_id: str
    error: str


@dataclass(frozen=True, slots=True)
class ContainerExited:
    container_id: str
    termination: Termination


@dataclass(frozen=True, slots=True)
class SignalAnswered:
    """The agent's answer to a Signal effect."""

    container_id: str
    signal: int
    accepted: bool


@dataclass(frozen=True, slots=True)
class HealthObserved:
    container_id: str
    passed: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class CheckObserved:
    container_id: str
    status: CheckStatus


@dataclass(frozen=True, slots=True)
class KillRequested:
    """The scheduler's KILL; ``grace`` is the kill policy of the event itself."""

    task_id: str
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class ShutdownRequested:
    """All must end within ``grace`` seconds. Without a subscription nothing can be done but leave."""

    reason: str
    grace: float
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed; nothing else."""


ContainerEvent = ContainerLaunched | LaunchFailed | ContainerExited | SignalAnswered | HealthObserved | CheckObserved
Event = Subscribed | GroupReceived | ContainerEvent | KillRequested | ShutdownRequested | Ticked


# -- effects ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Launch:
    """Launch the container, then wait for its end."""

    container_id: str


@dataclass(frozen=True, slots=True)
class Signal:
    container_id: str
    signal: int


@dataclass(frozen=True, slots=True)
class StartChecks:
    container_id: str


@dataclass(frozen=True, slots=True)
class StopChecks:
    container_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """Send a status update of a task."""

    task_id: str
    state: str
    reason: str | None = None
    message: str | None = None
    healthy: bool | None = None
    check: CheckStatus | None = None
    limitation: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing more will be asked about the container, which has ended."""

    container_id: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Exit when every update is acknowledged, at the latest at ``by``."""

    by: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the log that asks for nothing: what was ignored, and why."""

    text: str
    container_id: str = ""


Effect = Launch | Signal | StartChecks | StopChecks | Report | Forget | Leave | Note
