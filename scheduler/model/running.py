"""How a container runs: its command, what is asked of it while it runs, when it starts and starts again, how it ends.

Times are seconds.
"""

from typing import Annotated

from pydantic import Field

from scheduler.model.base import Model
from scheduler.model.values import Count, DependencyCondition, Name, Path, Positive, Scheme, Seconds, Text


class Command(Model):
    """Either a line for ``/bin/sh -c`` or an argument vector. ``shell`` wins if both are given."""

    shell: Text | None = None
    argv: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Exec(Model):
    """What to run. ``overrideEntrypoint``: argv replaces the image's entrypoint too."""

    command: Command
    override_entrypoint: bool | None = None


class HttpCheck(Model):
    """Healthy when a GET is answered with 200 to 399."""

    endpoint: Name
    path: Path | None = None
    scheme: Scheme = "HTTP"


class TcpCheck(Model):
    """Healthy when a connection can be made."""

    endpoint: Name


class CommandCheck(Model):
    """Healthy when a command, run inside the container, exits with 0."""

    command: Command


class HealthCheck(Model):
    """Exactly one of http, tcp and exec. A container that fails ``maxConsecutiveFailures`` times is killed."""

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    grace_period_seconds: Count = 300
    interval_seconds: Count = 60
    max_consecutive_failures: Count = 3
    timeout_seconds: Count = 20
    delay_seconds: Count = 15


class Check(Model):
    """As a health check, but nothing is killed: what it finds is reported, and the container counts as ready by it."""

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    interval_seconds: Count = 60
    timeout_seconds: Count = 20
    delay_seconds: Count = 15


class ReadinessCheck(Model):
    """Exactly one of http, tcp and exec. A container is ready from the first success on, and then until
    ``maxConsecutiveFailures``. Nothing is killed; deployments wait for it.
    """

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    interval_seconds: Positive = 5
    max_consecutive_failures: Positive = 3
    timeout_seconds: Positive = 5
    delay_seconds: Count = 0


class Dependency(Model):
    """A container of the pod that must have come so far before this one starts; it is stopped only after this one.

    ``started``: it runs; ``ready``: its checks say so; ``succeeded``: it ended with 0.
    """

    container: Name
    condition: DependencyCondition = "started"


class Restarts(Model):
    """How often and how soon a container is started again.

    After ``backoffSeconds``, then times ``backoffFactor`` each, to ``maxBackoffSeconds``.
    """

    limit: Count | None = None
    backoff_seconds: Seconds = 1.0
    backoff_factor: float = Field(default=2.0, ge=1, le=100)
    max_backoff_seconds: Seconds = 300.0
    reset_after_seconds: Seconds = 600.0


class PreStop(Model):
    """A command that is run inside a container before SIGTERM, within its grace period."""

    command: Command


class Lifecycle(Model):
    """How a container ends: a command, SIGTERM, and SIGKILL when its grace period is over."""

    kill_grace_period_seconds: Seconds | None = None
    pre_stop: PreStop | None = None
