"""The protocol between scheduler and executor.

The only module of this package that the scheduler imports, so it imports only the standard library and ``record``. It
owns the formats of ``ExecutorInfo.data``, ``TaskInfo.data``, the labels of statuses and framework messages, and the
command that starts the executor. Both sides reject what they do not know, so both must be of the same release.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Final

from podexec.record import fields, record

Json = dict[str, Any]

WIRE_VERSION: Final = 1

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

EXECUTOR_ENVIRONMENT: Final[dict[str, str]] = {
    # One malloc arena: the executor has a handful of mostly idle threads and 32 MB to live in.
    "MALLOC_ARENA_MAX": "1",
}


# What the zipapp says where it cannot run.
NEEDS_PYTHON: Final = (
    "The executor as a zipapp needs Python 3.11 or later: install it, name another one with --executor-python, or use "
    "the static executor (--executor auto), which needs none"
)

# When a container restarts, and the conditions of dependencies.
ON_FAILURE: Final = "on_failure"
ALWAYS: Final = "always"
STARTED: Final = "started"
READY: Final = "ready"
SUCCEEDED: Final = "succeeded"

_SHOWN: Final = 200  # most characters of the other side's text in an error
_MOST_DIGITS: Final = 9  # of a number of restarts

LABEL_READY: Final = "ready"
LABEL_RESTARTS: Final = "restarts"
LABEL_CHECKS: Final = "checks"

# The most that a scheduler accepts, as the executor may not be its own.
MOST_FINDINGS: Final = 32


class WireError(ValueError):
    """The other side sent something that this version does not understand."""


@record
class ExecutorData:
    """Content of ``ExecutorInfo.data``: settings from the scheduler for the executor."""

    version: int = WIRE_VERSION
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.log_level not in LOG_LEVELS:
            raise WireError(f"log_level is {self.log_level!r}; it must be one of {', '.join(LOG_LEVELS)}")

    def encode(self) -> str:
        """Value for ``ExecutorInfo.data`` (a bytes field, hence base64 in JSON)."""
        return _encoded({"log_level": self.log_level, "version": self.version})

    @classmethod
    def decode(cls, data: str) -> ExecutorData:
        """The inverse of :meth:`encode`; :class:`WireError` for another version and for anything malformed."""
        fields = _decoded("ExecutorInfo.data", data)
        if not isinstance(fields.get("version"), int):
            raise WireError("ExecutorInfo.data is not a JSON object with an integer field 'version'")
        if fields["version"] != WIRE_VERSION:
            raise WireError(
                f"ExecutorInfo.data has version {fields['version']}, but this executor has version {WIRE_VERSION}; "
                "run a scheduler and an executor of the same release"
            )
        unknown = set(fields) - {"version", "log_level"}
        if unknown:
            raise WireError(f"ExecutorInfo.data has unknown fields: {', '.join(sorted(unknown))}")
        return cls(version=fields["version"], log_level=str(fields.get("log_level", "info")))


@record
class Restart:
    """When a container that ended restarts; durations are seconds."""

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
    """A container of the same group, by name, and the condition it must reach before the dependent one starts."""

    container: str
    condition: str

    def __post_init__(self) -> None:
        _one_of("condition", self.condition, (STARTED, READY, SUCCEEDED))


@record
class ContainerOptions:
    """Options of a container that a TaskInfo cannot express.

    Attributes:
        restart: restart policy; None if it never restarts.
        essential: whether its end ends the pod.
        depends_on: containers it waits for, which are stopped only after it.
        readiness: a check in the format of a HealthCheck; it never kills.
        health_checks: health checks in addition to that of the TaskInfo.
        pre_stop: CommandInfo of a command that runs inside the container before SIGTERM.
    """

    restart: Restart | None = None
    essential: bool = True
    depends_on: tuple[Dependency, ...] = ()
    readiness: Json | None = None
    health_checks: tuple[Json, ...] = ()
    pre_stop: Json | None = None

    def encode(self) -> Json:
        """JSON, without the fields that have their default."""
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
                f"cannot read the behaviour in TaskInfo.data: {error}; "
                "run a scheduler and an executor of the same release"
            ) from error


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise WireError(f"{name} is {value!r}; it must be one of {', '.join(known)}")


@record
class TaskData:
    """Content of ``TaskInfo.data``, which Mesos shows to nobody but the task's executor.

    Attributes:
        parts: fields of the TaskInfo with the values of its secrets. In the TaskInfo itself, which masters and agents
            show, these fields have references instead of values.
        behaviour: options that the TaskInfo cannot express.
    """

    parts: Json = {}  # noqa: RUF012 - a record's default, which nobody changes
    behaviour: ContainerOptions = ContainerOptions()

    def encode(self) -> str:
        """Value for ``TaskInfo.data``."""
        fields: Json = {"version": WIRE_VERSION, "parts": self.parts}
        behaviour = self.behaviour.encode()
        if behaviour:
            fields["behaviour"] = behaviour
        return _encoded(fields)

    @classmethod
    def decode(cls, data: str) -> TaskData:
        """The inverse of :meth:`encode`; :class:`WireError` for everything else, without the text that was read."""
        fields = _decoded("TaskInfo.data", data)
        if fields.get("version") != WIRE_VERSION:
            raise WireError(
                f"TaskInfo.data is not of version {WIRE_VERSION}; run a scheduler and an executor of the same release"
            )
        if set(fields) - {"behaviour"} != {"version", "parts"} or not isinstance(fields["parts"], dict):
            raise WireError("TaskInfo.data must contain a version and parts of a TaskInfo")
        return cls(fields["parts"], ContainerOptions.decode(fields.get("behaviour", {})))


@record
class Finding:
    """Last result of a check as text: the answer, or the end of the command's output."""

    check: str
    passed: bool
    result: str


@record
class StatusLabels:
    """Content of ``TaskStatus.labels``: what podexec's executor reports in addition to Mesos' own fields.

    Attributes:
        ready: whether the container is ready; None without a readiness check and a check.
        restarts: number of restarts so far.
        findings: results of its checks so far; None without checks.
    """

    ready: bool | None = None
    restarts: int = 0
    findings: tuple[Finding, ...] | None = None

    def encode(self) -> Json | None:
        """The Labels message; None if it would be empty."""
        told = {} if self.ready is None else {LABEL_READY: str(self.ready).lower()}
        if self.restarts:
            told[LABEL_RESTARTS] = str(self.restarts)
        if self.findings is not None:
            told[LABEL_CHECKS] = json.dumps([fields(each) for each in self.findings], separators=(",", ":"))
        return {"labels": [{"key": key, "value": value} for key, value in told.items()]} if told else None

    @classmethod
    def decode(cls, labels: Json | None) -> StatusLabels:
        """Read the labels of any status, also of another executor's: unknown labels are ignored."""
        told = {label.get("key"): label.get("value") for label in (labels or {}).get("labels", ())}
        ready = {"true": True, "false": False}.get(told.get(LABEL_READY, ""))
        restarts = told.get(LABEL_RESTARTS, "")
        is_count = restarts.isdecimal() and len(restarts) <= _MOST_DIGITS
        return cls(ready, int(restarts) if is_count else 0, _findings(told.get(LABEL_CHECKS)))


def _findings(text: str | None) -> tuple[Finding, ...] | None:
    """Findings of a label; None if it is missing or not podexec's."""
    if not text:
        return None
    try:
        found = [Finding(**each) for each in json.loads(text)[:MOST_FINDINGS]]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return None
    types = {(type(each.check), type(each.passed), type(each.result)) for each in found}
    return tuple(found) if types <= {(str, bool, str)} else None


@record
class Use:
    """Usage of a container's processes; memory that they share counts more than once."""

    cpu_seconds: float
    memory_bytes: int
    processes: int


@record
class UsageQuestion:
    """Framework message to an executor that asks for its containers' usage."""

    number: int

    def encode(self) -> str:
        """Value for the message's ``data``."""
        return _encoded({"usage": self.number})

    @classmethod
    def decode(cls, data: str) -> UsageQuestion:
        """The inverse of :meth:`encode`. Raises WireError for any other message."""
        said = _decoded("a message", data)
        if set(said) != {"usage"} or not isinstance(said["usage"], int):
            raise WireError("the message asks no question that this executor knows")
        return cls(said["usage"])


@record
class UsageAnswer:
    """The executor's answer: usage by container id, measured ``at`` (seconds since the epoch)."""

    number: int
    at: float
    containers: dict[str, Use]

    def encode(self) -> str:
        """Value for the message's ``data``."""
        containers = {container: fields(use) for container, use in self.containers.items()}
        return _encoded({"usage": self.number, "at": self.at, "containers": containers})

    @classmethod
    def decode(cls, data: str) -> UsageAnswer:
        """The inverse of :meth:`encode`. Raises WireError for any other message."""
        said = _decoded("a message", data)
        try:
            containers = {container: _use(**use) for container, use in said["containers"].items()}
            return cls(int(said["usage"]), _finite(said["at"]), containers)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise WireError(f"cannot read a message of an executor: {str(error)[:_SHOWN]!r}") from error


def _use(cpu_seconds: object, memory_bytes: object, processes: object) -> Use:
    return Use(_finite(cpu_seconds), int(_finite(memory_bytes)), int(_finite(processes)))


def _finite(value: object) -> float:
    """A finite number. Raises TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("not a number")
    return float(value)


def _encoded(said: Json) -> str:
    return base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode("ascii")


def _decoded(what: str, data: str) -> Json:
    """The JSON object in a bytes field. Raises WireError without the text, which may contain secrets."""
    try:
        said = json.loads(base64.b64decode(data, validate=True))
    except (RecursionError, TypeError, ValueError):
        raise WireError(f"{what} is not base64 of a JSON object") from None
    if not isinstance(said, dict):
        raise WireError(f"{what} is not base64 of a JSON object")
    return said


def run_id(first: str, run: int) -> str:
    """ContainerID value of a container's run: ``first`` is the value of its first run, ``run`` counts the restarts."""
    return f"{first}-{run}" if run else first


def run_before(value: str, run: int) -> str | None:
    """ContainerID value of the previous run; None for a first run, or if ``value`` is not that of run ``run``."""
    first = value.removesuffix(f"-{run}")
    return run_id(first, run - 1) if run and first != value else None


def executor_command(python: str, zipapp: str) -> str:
    """The shell command with which an agent starts the executor's zipapp."""
    import shlex  # noqa: PLC0415 - only the scheduler makes this command

    return run_python(python, shlex.quote(zipapp))


def run_python(python: str, words: str) -> str:
    """Shell text that runs ``python`` with these words, or says on stderr that there is none.

    With ``exec``, signals reach Python and not a shell in between. With ``-E -s -S``, neither the environment nor the
    agent's site-packages can change what is imported; with a zipapp this is all that ``-I`` does, which Python 2 lacks.
    """
    import shlex  # noqa: PLC0415 - as above

    program = shlex.quote(python)
    missing = shlex.quote(f"podexec: {python}: not found on this agent. {NEEDS_PYTHON}")
    check = f"command -v {program} >/dev/null || {{ printf '%s\\n' {missing} >&2; exit 127; }}"
    return f"{check}; exec {program} -E -s -S {words}"
