"""How a container runs: its command, its checks, its dependencies and restarts, and how it is stopped.

Times are seconds.
"""

from typing import Annotated

from pydantic import Field

from scheduler.model.base import Model
from scheduler.model.values import Count, DependencyCondition, Name, Path, Positive, Scheme, Seconds, Text


class Command(Model):
    """A line for ``/bin/sh -c`` or an argument vector. ``shell`` wins if both are given."""

    shell: Text | None = None
    argv: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Exec(Model):
    """The command to run. ``overrideEntrypoint``: ``argv`` replaces the image's entrypoint too."""

    command: Command
    override_entrypoint: bool | None = None


class HttpCheck(Model):
    """Passes if a GET is answered with 200 to 399."""

    endpoint: Name
    path: Path | None = None
    scheme: Scheme = "HTTP"


class TcpCheck(Model):
    """Passes if a connection can be made."""

    endpoint: Name


class CommandCheck(Model):
    """Passes if a command, run inside the container, exits with 0."""

    command: Command


class HealthCheck(Model):
    """Exactly one of ``http``, ``tcp`` and ``exec``. After ``maxConsecutiveFailures`` the container is killed."""

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    grace_period_seconds: Count = 300
    interval_seconds: Count = 60
    max_consecutive_failures: Count = 3
    timeout_seconds: Count = 20
    delay_seconds: Count = 15


class Check(Model):
    """Like a health check, but it kills nothing: its result is reported and decides whether the container is ready."""

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    interval_seconds: Count = 60
    timeout_seconds: Count = 20
    delay_seconds: Count = 15


class ReadinessCheck(Model):
    """Exactly one of ``http``, ``tcp`` and ``exec``. A container is ready from the first success until
    ``maxConsecutiveFailures``. It kills nothing; deployments wait for it.
    """

    http: HttpCheck | None = None
    tcp: TcpCheck | None = None
    exec: CommandCheck | None = None
    interval_seconds: Positive = 5
    max_consecutive_failures: Positive = 3
    timeout_seconds: Positive = 5
    delay_seconds: Count = 0


class Dependency(Model):
    """A container that must reach a condition before this one starts, and is stopped only after this one.

    ``started``: it runs; ``ready``: its checks say so; ``succeeded``: it exited with 0.
    """

    container: Name
    condition: DependencyCondition = "started"


class Restarts(Model):
    """How often and how soon a container is restarted.

    The first wait is ``backoffSeconds``; each further one is ``backoffFactor`` times as long, up to
    ``maxBackoffSeconds``.
    """

    limit: Count | None = None
    backoff_seconds: Seconds = 1.0
    backoff_factor: float = Field(default=2.0, ge=1, le=100)
    max_backoff_seconds: Seconds = 300.0
    reset_after_seconds: Seconds = 600.0


class PreStop(Model):
    """A command that runs inside a container before SIGTERM, within the grace period."""

    command: Command


class Lifecycle(Model):
    """How a container is stopped: a command, SIGTERM, and SIGKILL after the grace period."""

    kill_grace_period_seconds: Seconds | None = None
    pre_stop: PreStop | None = None
