"""Reads Mesos' TaskInfo (JSON of the v1 API) and writes LAUNCH_CONTAINER calls.

Pure functions over dicts: no I/O, and ids come in as arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from podexec.events import CheckObserved, CheckStatus, Event, HealthObserved, ReadinessObserved, TaskSpec
from podexec.health import HealthPolicy
from podexec.kills import DEFAULT_KILL_GRACE
from podexec.record import record
from podexec.wire import ContainerOptions, TaskData

Json = dict[str, Any]

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NAME_LENGTH: Final = 200

# Result of a check: a status code, an exit code, or whether it connected; None if it found nothing.
Value = int | bool | None
# Turns a result (container id, passed, value, message) into an event.
Meaning = Callable[[str, bool, Value, str], Event]

HTTP: Final = "HTTP"
TCP: Final = "TCP"
COMMAND: Final = "COMMAND"


@record
class CheckSpec:
    """What a ``health_check`` or ``check`` does and how often. A timeout of None is no timeout."""

    kind: str
    delay: float
    interval: float
    timeout: float | None
    port: int = 0
    path: str = "/"
    scheme: str = "http"
    ipv6: bool = False
    command: Json | None = None


@record
class Task:
    """The parts of a TaskInfo that the executor uses.

    Attributes:
        launch: body of LAUNCH_CONTAINER, without the container's id.
        checks: checks to run while the container runs, each with the event that its result makes.
        hook: CommandInfo of the ``preStop`` command.
    """

    spec: TaskSpec
    launch: Json
    checks: tuple[tuple[CheckSpec, Meaning], ...]
    hook: Json | None


def read(task: Json, container: str, address: str) -> Task:
    """Read a TaskInfo. Raises AttributeError, KeyError, TypeError or ValueError if it is malformed."""
    behaviour = task_data(task).behaviour
    return Task(task_spec(task, container), launch_call(task, address), _checks(task, behaviour), behaviour.pre_stop)


def _checks(task: Json, behaviour: ContainerOptions) -> tuple[tuple[CheckSpec, Meaning], ...]:
    checks: list[tuple[CheckSpec, Meaning]] = [
        (check_spec(check), partial(_health_observed, index))
        for index, check in enumerate(health_checks(task, behaviour))
    ]
    if behaviour.readiness:
        checks.append((check_spec(behaviour.readiness), _readiness_observed))
    if task.get("check"):
        spec = check_spec(task["check"])
        checks.append((spec, partial(_check_observed, spec.kind)))
    return tuple(checks)


def _health_observed(index: int, container: str, passed: bool, value: Value, message: str) -> Event:
    return HealthObserved(container, passed, message, index)


def _readiness_observed(container: str, passed: bool, value: Value, message: str) -> Event:
    return ReadinessObserved(container, passed, message)


def _check_observed(kind: str, container: str, passed: bool, value: Value, message: str) -> Event:
    return CheckObserved(container, CheckStatus(kind, value), message)


def container_id(task: Json, suffix: str) -> str:
    """A readable ContainerID value: the container's name in characters that Mesos allows, and a unique ``suffix``."""
    name = _ILLEGAL.sub("-", str(task.get("name") or ""))[:_NAME_LENGTH].strip("-")
    return f"{name or 'container'}-{suffix}"


def task_data(task: Json) -> TaskData:
    """The data that podexec's scheduler adds to a TaskInfo; empty if another framework sent it."""
    return TaskData.decode(task["data"]) if task.get("data") else TaskData()


def health_checks(task: Json, behaviour: ContainerOptions) -> list[Json]:
    """All health checks of a task: that of the TaskInfo, and those it has no room for."""
    own = [task["health_check"]] if task.get("health_check") else []
    return [*own, *behaviour.health_checks]


def task_spec(task: Json, container: str) -> TaskSpec:
    behaviour = task_data(task).behaviour
    check = task.get("check")
    grace = kill_grace(task.get("kill_policy"))
    readiness = behaviour.readiness
    return TaskSpec(
        task_id=task["task_id"]["value"],
        container_id=container,
        name=str(task.get("name") or task["task_id"]["value"]),
        kill_grace=DEFAULT_KILL_GRACE if grace is None else grace,
        max_completion=_seconds(task.get("max_completion_time")) or None,
        health=tuple(_health_policy(health) for health in health_checks(task, behaviour)),
        check=check["type"] if check else None,
        readiness=int(readiness.get("consecutive_failures", 3)) if readiness else None,
        restart=behaviour.restart,
        essential=behaviour.essential,
        depends_on=behaviour.depends_on,
        has_hook=behaviour.pre_stop is not None,
    )


def kill_grace(kill_policy: Json | None) -> float | None:
    """Seconds between SIGTERM and SIGKILL in a KillPolicy; None if it does not say."""
    return _seconds((kill_policy or {}).get("grace_period"))


def check_spec(check: Json) -> CheckSpec:
    """The common part of a HealthCheck and a CheckInfo, with Mesos' defaults."""
    kind = check["type"]
    details = check.get(kind.lower()) or {}
    timeout = float(check.get("timeout_seconds", 20.0))
    return CheckSpec(
        kind=kind,
        delay=float(check.get("delay_seconds", 15.0)),
        interval=float(check.get("interval_seconds", 10.0)),
        timeout=timeout or None,
        port=int(details.get("port", 0)),
        path=details.get("path") or "/",
        scheme=details.get("scheme") or "http",
        ipv6=details.get("protocol") == "IPv6",
        command=_check_command(check) if kind == COMMAND else None,
    )


def _check_command(check: Json) -> Json:
    """The CommandInfo of a check: a HealthCheck holds it directly, a CheckInfo wraps it once more."""
    command: Json = check["command"]
    inner = command.get("command")
    return inner if isinstance(inner, dict) else command


def _health_policy(health: Json) -> HealthPolicy:
    return HealthPolicy(float(health.get("grace_period_seconds", 10.0)), int(health.get("consecutive_failures", 3)))


def launch_call(task: Json, address: str) -> Json:
    """Body of LAUNCH_CONTAINER: the TaskInfo's fields, and what Mesos' default executor adds to them.

    The container's id is added later.
    """
    task = {**task, **task_data(task).parts}
    call: Json = {"command": _command(task, address)}
    for field in ("container", "resources", "limits"):
        if task.get(field):
            call[field] = task[field]
    volumes = _disk_volumes(task)
    if volumes:
        info: Json = dict(task.get("container") or {"type": "MESOS"})
        call["container"] = {**info, "volumes": [*info.get("volumes", []), *volumes]}
    return call


def _command(task: Json, address: str) -> Json:
    """The command, with the executor's two variables last so that they take precedence."""
    command: Json = dict(task.get("command") or {"shell": False})
    added = [_variable("MESOS_CONTAINER_IP", address)]
    role = _allocation_role(task)
    if role is not None:
        added.append(_variable("MESOS_ALLOCATION_ROLE", role))
    environment = command.get("environment") or {}
    command["environment"] = {**environment, "variables": [*environment.get("variables", []), *added]}
    return command


def _allocation_role(task: Json) -> str | None:
    for resource in task.get("resources", ())[:1]:
        role = (resource.get("allocation_info") or {}).get("role")
        return None if role is None else str(role)
    return None


def _disk_volumes(task: Json) -> list[Json]:
    """Volumes of disk resources. Mesos mounts them into the executor's container; the nested one shares them."""
    found = []
    for resource in task.get("resources", ()):
        volume = (resource.get("disk") or {}).get("volume")
        if volume:
            path = volume["container_path"]
            source = {"type": "SANDBOX_PATH", "sandbox_path": {"type": "PARENT", "path": path}}
            found.append({"container_path": path, "mode": volume.get("mode", "RW"), "source": source})
    return found


def _variable(name: str, value: str) -> Json:
    return {"name": name, "type": "VALUE", "value": value}


def _seconds(duration: Json | None) -> float | None:
    """Seconds of a DurationInfo, whose 64-bit number may be a string; None if it has none."""
    if not duration or "nanoseconds" not in duration:
        return None
    return int(duration["nanoseconds"]) / 1e9
