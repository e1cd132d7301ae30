"""What the scheduler and the executor say to each other.

The only module of this package that the scheduler imports, so: nothing but the standard library and ``record``. It owns
the shapes of ``ExecutorInfo.data``, ``TaskInfo.data`` and the labels of statuses, and how the executor is started. Both
sides refuse what they do not know; so both are of one release.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import shlex
from typing import Any, Final

from podexec.record import fields, record

Json = dict[str, Any]

WIRE_VERSION: Final = 1

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

EXECUTOR_ENVIRONMENT: Final[dict[str, str]] = {
    # One malloc arena: the executor has a handful of mostly idle threads and 32 MB to live in.
    "MALLOC_ARENA_MAX": "1",
}


# When a container is started again, and how far another must have come before it starts.
ON_FAILURE: Final = "on_failure"
ALWAYS: Final = "always"
STARTED: Final = "started"
READY: Final = "ready"
SUCCEEDED: Final = "succeeded"

_SHOWN: Final = 200  # characters of what another side said, in a message
_MOST_DIGITS: Final = 9  # of a number of restarts that is one

LABEL_READY: Final = "ready"
LABEL_RESTARTS: Final = "restarts"
LABEL_CHECKS: Final = "checks"

# What a scheduler takes of an executor that is not its own.
MOST_FINDINGS: Final = 32


class WireError(ValueError):
    """The other side said something this version does not understand."""


@record
class ExecutorData:
    """The scheduler's words to the executor; they travel in ``ExecutorInfo.data``."""

    version: int = WIRE_VERSION
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.log_level not in LOG_LEVELS:
            raise WireError(f"log_level is {self.log_level!r}; it must be one of {', '.join(LOG_LEVELS)}")

    def encode(self) -> str:
        """The text for ``ExecutorInfo.data`` (a bytes field, hence base64 in JSON)."""
        text = json.dumps({"version": self.version, "log_level": self.log_level}, sort_keys=True, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode("ascii")

    @classmethod
    def decode(cls, data: str) -> ExecutorData:
        """The inverse of :meth:`encode`; :class:`WireError` for another version and for anything malformed."""
        try:
            fields = json.loads(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError) as error:
            raise WireError(f"ExecutorInfo.data is not base64 of a JSON object: {error}") from error
        if not isinstance(fields, dict) or not isinstance(fields.get("version"), int):
            raise WireError("ExecutorInfo.data is not a JSON object with an integer field 'version'")
        if fields["version"] != WIRE_VERSION:
            raise WireError(
                f"ExecutorInfo.data has version {fields['version']}, this executor speaks version {WIRE_VERSION}; "
                "run a scheduler and an executor of the same release"
            )
        unknown = set(fields) - {"version", "log_level"}
        if unknown:
            raise WireError(f"ExecutorInfo.data has unknown fields: {', '.join(sorted(unknown))}")
        return cls(version=fields["version"], log_level=str(fields.get("log_level", "info")))


@record
class Restart:
    """When a container that ended is started again; durations are seconds."""

    policy: str
    limit: int | None
    backoff: float
    factor: float
    max_backoff: float
    reset_after: float

    def __post_init__(self) -> None:
        _one_of("policy", self.policy, (ON_FAILURE, ALWAYS))


@record
class Dependency:
    """A container of the same group, by its name, that must have come so far before another starts."""

    container: str
    condition: str

    def __post_init__(self) -> None:
        _one_of("condition", self.condition, (STARTED, READY, SUCCEEDED))


@record
class ContainerOptions:
    """What a container shall do that a TaskInfo cannot say.

    Attributes:
        restart: None: it is not started again.
        essential: whether its end ends the pod.
        depends_on: what it waits for, and what is stopped only after it.
        readiness: a check in the shape of a HealthCheck; it kills nothing.
        health_checks: more of them, beside that of the TaskInfo.
        pre_stop: a CommandInfo that is run inside the container before SIGTERM.
    """

    restart: Restart | None = None
    essential: bool = True
    depends_on: tuple[Dependency, ...] = ()
    readiness: Json | None = None
    health_checks: tuple[Json, ...] = ()
    pre_stop: Json | None = None

    def encode(self) -> Json:
        """As JSON, without what is as in every TaskInfo."""
        said = {
            "restart": self.restart and fields(self.restart),
            "essential": None if self.essential else False,
            "depends_on": [fields(each) for each in self.depends_on] or None,
            "readiness": self.readiness,
            "health_checks": list(self.health_checks) or None,
            "pre_stop": self.pre_stop,
        }
        return {name: value for name, value in said.items() if value is not None}

    @classmethod
    def decode(cls, said: Json) -> ContainerOptions:
        """The inverse of :meth:`encode`. Raises WireError."""
        try:
            restart = said.get("restart")
            parts = {
                "restart": None if restart is None else Restart(**restart),
                "depends_on": tuple(Dependency(**each) for each in said.get("depends_on", ())),
                "health_checks": tuple(said.get("health_checks", ())),
            }
            return cls(**{**said, **parts})
        except (AttributeError, TypeError) as error:
            raise WireError(
                f"the behaviour in TaskInfo.data is not understood: {error}; "
                "run a scheduler and an executor of the same release"
            ) from error


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise WireError(f"{name} is {value!r}; it must be one of {', '.join(known)}")


@record
class TaskData:
    """What a task's executor must know and nobody else; it travels in ``TaskInfo.data``, which Mesos shows to no one.

    Attributes:
        parts: fields of the TaskInfo with the values of its secrets. In the TaskInfo itself, which masters and agents
            show, these fields have references in the places of values.
        behaviour: what the TaskInfo cannot say.
    """

    parts: Json = {}  # noqa: RUF012 - a record's default, which nobody changes
    behaviour: ContainerOptions = ContainerOptions()

    def encode(self) -> str:
        """The text for ``TaskInfo.data``."""
        fields: Json = {"version": WIRE_VERSION, "parts": self.parts}
        behaviour = self.behaviour.encode()
        if behaviour:
            fields["behaviour"] = behaviour
        return base64.b64encode(json.dumps(fields, separators=(",", ":")).encode()).decode("ascii")

    @classmethod
    def decode(cls, data: str) -> TaskData:
        """The inverse of :meth:`encode`; :class:`WireError` for everything else. It does not tell what it read."""
        try:
            fields = json.loads(base64.b64decode(data, validate=True))
        except (binascii.Error, ValueError):
            raise WireError("TaskInfo.data is not base64 of a JSON object") from None
        if not isinstance(fields, dict) or fields.get("version") != WIRE_VERSION:
            raise WireError(
                f"TaskInfo.data is not of version {WIRE_VERSION}; run a scheduler and an executor of the same release"
            )
        if set(fields) - {"behaviour"} != {"version", "parts"} or not isinstance(fields["parts"], dict):
            raise WireError("TaskInfo.data does not hold a version and parts of a TaskInfo")
        return cls(fields["parts"], ContainerOptions.decode(fields.get("behaviour", {})))


@record
class Finding:
    """The last result of a check, in words: what answered, or what the command wrote at its end."""

    check: str
    passed: bool
    result: str


@record
class StatusLabels:
    """What a status of podexec's executor tells beside Mesos' own fields; it travels in ``TaskStatus.labels``.

    Attributes:
        ready: whether the container can be used; None: it has neither a readiness check nor a check.
        restarts: how often it was started again.
        findings: of its checks, as far as they have found anything; None: it has none.
    """

    ready: bool | None = None
    restarts: int = 0
    findings: tuple[Finding, ...] | None = None

    def encode(self) -> Json | None:
        """The Labels message; None if there is nothing to tell."""
        told = {} if self.ready is None else {LABEL_READY: str(self.ready).lower()}
        if self.restarts:
            told[LABEL_RESTARTS] = str(self.restarts)
        if self.findings is not None:
            told[LABEL_CHECKS] = json.dumps([fields(each) for each in self.findings], separators=(",", ":"))
        return {"labels": [{"key": key, "value": value} for key, value in told.items()]} if told else None

    @classmethod
    def decode(cls, labels: Json | None) -> StatusLabels:
        """Of any status, also one of another executor: what is not ours is passed over."""
        told = {label.get("key"): label.get("value") for label in (labels or {}).get("labels", ())}
        ready = {"true": True, "false": False}.get(told.get(LABEL_READY, ""))
        restarts = told.get(LABEL_RESTARTS, "")
        is_count = restarts.isdecimal() and len(restarts) <= _MOST_DIGITS
        return cls(ready, int(restarts) if is_count else 0, _findings(told.get(LABEL_CHECKS)))


def _findings(text: str | None) -> tuple[Finding, ...] | None:
    """Of a label; None if it is not there or not ours."""
    try:
        found = [Finding(**each) for each in json.loads(text or "")[:MOST_FINDINGS]]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    types = {(type(each.check), type(each.passed), type(each.result)) for each in found}
    return tuple(found) if types <= {(str, bool, str)} else None


@record
class Use:
    """What the processes of a container use; what they share counts more than once."""

    cpu_seconds: float
    memory_bytes: int
    processes: int


@record
class UsageQuestion:
    """A framework message: what do the containers use?"""

    number: int

    def encode(self) -> str:
        """The text for the message's ``data``."""
        return _encoded({"usage": self.number})

    @classmethod
    def decode(cls, data: str) -> UsageQuestion:
        """The inverse of :meth:`encode`. Raises WireError for any other message."""
        said = _decoded(data)
        if set(said) != {"usage"} or not isinstance(said["usage"], int):
            raise WireError("a framework message asks for nothing known here")
        return cls(said["usage"])


@record
class UsageAnswer:
    """The executor's message: what each container uses, by its id, measured ``at`` (seconds since the epoch)."""

    number: int
    at: float
    containers: dict[str, Use]

    def encode(self) -> str:
        """The text for the message's ``data``."""
        containers = {container: fields(use) for container, use in self.containers.items()}
        return _encoded({"usage": self.number, "at": self.at, "containers": containers})

    @classmethod
    def decode(cls, data: str) -> UsageAnswer:
        """The inverse of :meth:`encode`. Raises WireError for any other message."""
        said = _decoded(data)
        try:
            containers = {container: _use(**use) for container, use in said["containers"].items()}
            return cls(int(said["usage"]), _finite(said["at"]), containers)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise WireError(f"an executor's message is not understood: {str(error)[:_SHOWN]!r}") from error


def _use(cpu_seconds: object, memory_bytes: object, processes: object) -> Use:
    return Use(_finite(cpu_seconds), int(_finite(memory_bytes)), int(_finite(processes)))


def _finite(value: object) -> float:
    """A number that JSON can carry on. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("not a number")
    return float(value)


def _encoded(said: Json) -> str:
    return base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode("ascii")


def _decoded(data: str) -> Json:
    try:
        said = json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, RecursionError, TypeError, ValueError) as error:
        raise WireError(f"a message is not base64 of a JSON object: {str(error)[:_SHOWN]!r}") from error
    if not isinstance(said, dict):
        raise WireError("a message is not a JSON object")
    return said


def run_id(first: str, run: int) -> str:
    """The ContainerID's value of a container's run; ``first`` is that of its first, ``run`` counts the restarts."""
    return f"{first}-{run}" if run else first


def run_before(value: str, run: int) -> str | None:
    """The ContainerID's value of the run before the one with this value; None: that was the first, or it is no run of
    a container that was started again so often.
    """
    first = value.removesuffix(f"-{run}")
    return run_id(first, run - 1) if run and first != value else None


def executor_command(python: str, zipapp: str) -> str:
    """The shell command with which an agent starts the executor.

    ``exec``: signals reach Python and not a shell in between. ``-I -S``: neither the environment nor the agent's
    site-packages can change what is imported.
    """
    return f"exec {shlex.quote(python)} -I -S {shlex.quote(zipapp)}"
