"""The pod definition: every field a user may write, once. Frozen, so that a stored version never changes.

The models hold types, defaults and ranges (the schema phase); rules that join several fields are in ``validation``.
JSON names are camelCase, as in Marathon's API; sizes are MiB, times seconds unless a name says otherwise.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

MOST_INSTANCES = 100_000  # more than podexec is built for are a slip of the finger
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

Name = Annotated[str, StringConstraints(pattern=NAME, min_length=1, max_length=63)]
NetworkName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9_]*[a-z0-9])?$", min_length=1, max_length=63)
]
EnvKey = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,253}$")]
Path = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Text = Annotated[str, StringConstraints(min_length=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Environment = dict[EnvKey, str]
Labels = dict[str, str]


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


class Model(BaseModel):
    """What every part of a definition has in common.

    Frozen, camelCase in JSON, unknown keys ignored, no silent conversions.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", alias_generator=to_camel, populate_by_name=True, allow_inf_nan=False
    )


class Resources(Model):
    """What a container asks for; Mesos, not podexec, decides how it is isolated."""

    cpus: float = Field(default=1.0, ge=0.001)
    mem: float = Field(default=128.0, ge=0.001)
    disk: float = Field(default=0.0, ge=0)
    gpus: int = Field(default=0, ge=0)


class ExecutorResources(Model):
    """The pod's own overhead: what its executor may use."""

    cpus: float = Field(default=0.1, ge=0.1)
    mem: float = Field(default=32.0, ge=32)
    disk: float = Field(default=10.0, ge=10)


class Command(Model):
    """Either a line for ``/bin/sh -c`` or an argument vector. ``shell`` wins if both are given."""

    shell: Text | None = None
    argv: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


class Exec(Model):
    """What to run. ``overrideEntrypoint``: argv replaces the image's entrypoint too."""

    command: Command
    override_entrypoint: bool | None = None


class Endpoint(Model):
    """A port other services reach. ``hostPort`` 0: any free port of the agent; absent: none."""

    name: Name
    container_port: Port | None = None
    host_port: Port | None = None
    protocol: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    labels: Labels = {}
    network_names: tuple[str, ...] = ()


class Image(Model):
    """A Docker image, unpacked and run by Mesos itself. ``forcePull``: do not use the agent's cached copy."""

    kind: Annotated[Literal["DOCKER"], BeforeValidator(_upper)]
    id: Path
    force_pull: bool | None = None
    labels: Labels = {}


class HttpCheck(Model):
    """Healthy when a GET is answered with 200 to 399."""

    endpoint: Name
    path: Path | None = None
    scheme: Annotated[Literal["HTTP", "HTTPS"], BeforeValidator(_upper)] = "HTTP"


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
    grace_period_seconds: int = Field(default=300, ge=0)
    interval_seconds: int = Field(default=60, ge=0)
    max_consecutive_failures: int = Field(default=3, ge=0)
    timeout_seconds: int = Field(default=20, ge=0)
    delay_seconds: int = Field(default=15, ge=0)


class VolumeMount(Model):
    """Where a container sees a volume of the pod. A relative path lies in the sandbox."""

    name: Name
    mount_path: Path
    read_only: bool = False


class Artifact(Model):
    """A file the agent fetches into the sandbox before the container starts."""

    uri: Path
    extract: bool = True
    executable: bool = False
    cache: bool = False
    dest_path: Path | None = None


class Lifecycle(Model):
    """How a container ends: the time between SIGTERM and SIGKILL."""

    kill_grace_period_seconds: float | None = Field(default=None, ge=0)


class Container(Model):
    """One container of the pod: one Mesos task of the group."""

    name: Name
    exec: Exec | None = None
    resources: Resources
    endpoints: tuple[Endpoint, ...] = ()
    image: Image | None = None
    environment: Environment = {}
    user: str | None = None
    health_check: HealthCheck | None = None
    volume_mounts: tuple[VolumeMount, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    labels: Labels = {}
    lifecycle: Lifecycle | None = None


class Volume(Model):
    """A directory the containers share: fresh with every launch, or (``host``) one of the agent's."""

    name: Name
    host: Text | None = None


class Network(Model):
    """A network of the pod. All its containers share one network namespace."""

    name: NetworkName | None = None
    mode: Annotated[Literal["container", "container/bridge", "host"], BeforeValidator(_lower)] = "container"
    labels: Labels = {}


class Scaling(Model):
    """How many instances to run."""

    kind: Literal["fixed"] = "fixed"
    instances: int = Field(default=1, ge=0, le=MOST_INSTANCES)


class Backoff(Model):
    """How long an instance that ended waits for its relaunch.

    ``backoff``, then times ``backoffFactor`` each, to ``maxLaunchDelay``.
    """

    backoff: float = Field(default=1.0, ge=0)
    backoff_factor: float = Field(default=1.15, ge=0)
    max_launch_delay: float = Field(default=300.0, ge=0)


class Upgrade(Model):
    """How far an update may go below and above the asked number of instances, as fractions of it."""

    minimum_health_capacity: float = Field(default=1.0, ge=0, le=1)
    maximum_over_capacity: float = Field(default=1.0, ge=0, le=1)


class Scheduling(Model):
    """When, and in which order, instances start and end."""

    backoff: Backoff = Backoff()
    upgrade: Upgrade = Upgrade()
    kill_selection: Annotated[Literal["YOUNGEST_FIRST", "OLDEST_FIRST"], BeforeValidator(_upper)] = "YOUNGEST_FIRST"


class PodDefinition(Model):
    """A pod: containers that are launched together, on one agent, and share network and volumes.

    ``version`` is the server's: the time at which it accepted this definition.
    """

    id: Text
    version: str | None = None
    user: str | None = None
    labels: Labels = {}
    environment: Environment = {}
    containers: Annotated[tuple[Container, ...], Field(min_length=1)]
    volumes: tuple[Volume, ...] = ()
    networks: tuple[Network, ...] = ()
    scaling: Scaling = Scaling()
    scheduling: Scheduling = Scheduling()
    executor_resources: ExecutorResources = ExecutorResources()
    role: Text | None = None


def render(definition: PodDefinition) -> dict[str, Any]:
    """The definition as the API shows it: defaults filled in, absent and empty members left out."""
    rendered: dict[str, Any] = _prune(definition.model_dump(mode="json", by_alias=True))
    return rendered


def _prune(value: Any) -> Any:
    if isinstance(value, Mapping):
        members = {key: _prune(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not None and member not in ({}, [])}
    if isinstance(value, list):
        return [_prune(member) for member in value]
    return value
