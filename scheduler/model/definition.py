"""The pod definition: every field a user may write, once. Frozen, so that a stored version never changes.

The models hold types, defaults and ranges (the schema phase); rules that join several fields are in ``validation``.
JSON names are camelCase, as in Marathon's API; sizes are MiB, times seconds unless a name says otherwise.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from scheduler.model.base import Model
from scheduler.model.running import Check, Dependency, Exec, HealthCheck, Lifecycle, ReadinessCheck, Restarts
from scheduler.model.values import (
    LONGEST_SECONDS,
    OBJECT_OR_TEXT,
    TAG,
    TEXT_OR_OBJECT,
    Count,
    CpuLimit,
    Disabled,
    Disk,
    DiskType,
    EnvKey,
    ExecutorDisk,
    ExecutorMemory,
    ImageKind,
    IpcMode,
    KillSelection,
    Labels,
    Memory,
    MemoryLimit,
    Name,
    NetworkMode,
    NetworkName,
    Operator,
    Path,
    Port,
    RestartPolicy,
    Text,
    WholeSize,
)

Transport = Literal["tcp", "udp"]

MOST_INSTANCES = 100_000  # more than podexec is built for are a slip of the finger


class EnvironmentSecret(Model):
    """A variable whose value is a secret: a key of the pod's ``secrets``."""

    secret: Text


EnvironmentValue = Annotated[
    Annotated[str, Tag(f"{TAG}text")] | Annotated[EnvironmentSecret, Tag(f"{TAG}object")], TEXT_OR_OBJECT
]
Environment = dict[EnvKey, EnvironmentValue]


class Secret(Model):
    """A secret the pod may use: where the scheduler's secret source finds it."""

    source: Text


class Resources(Model):
    """What a container asks for; Mesos, not podexec, decides how it is isolated."""

    cpus: float = Field(default=1.0, ge=0.001)
    mem: Memory = 128.0
    disk: Disk = 0.0
    gpus: Count = 0


class ResourceLimits(Model):
    """How far a container may go beyond its request, where its agent has it to spare."""

    cpus: CpuLimit | None = None
    mem: MemoryLimit | None = None


class Seccomp(Model):
    """Which system calls a container may make: those of a profile of the agent's, or all (``unconfined``)."""

    profile_name: Text | None = None
    unconfined: bool = False


class IpcInfo(Model):
    """Whether a container has System V IPC and /dev/shm of its own; ``shmSize`` in MiB."""

    mode: IpcMode
    shm_size: WholeSize | None = None


class LinuxInfo(Model):
    """Settings of the Linux kernel for a container; for the pod, only ``ipcInfo``."""

    seccomp: Seccomp | None = None
    ipc_info: IpcInfo | None = None


class ExecutorResources(Model):
    """The pod's own overhead: what its executor may use."""

    cpus: float = Field(default=0.1, ge=0.1)
    mem: ExecutorMemory = 32.0
    disk: ExecutorDisk = 10.0


class Endpoint(Model):
    """A port other services reach. ``hostPort`` 0: any free port of the agent; absent: none."""

    name: Name
    container_port: Port | None = None
    host_port: Port | None = None
    protocol: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    labels: Labels = {}
    network_names: tuple[str, ...] = ()

    @property
    def transports(self) -> tuple[Transport, ...]:
        """What its protocols are to a network: ``tcp`` unless they say ``udp``; none where none is said."""
        return tuple(dict.fromkeys("udp" if each.lower() == "udp" else "tcp" for each in self.protocol or ()))


class PullConfig(Model):
    """The secret (a key of the pod's ``secrets``) that holds the registry's credentials."""

    secret: Text


class Image(Model):
    """A Docker image, unpacked and run by Mesos itself. ``forcePull``: do not use the agent's cached copy."""

    kind: ImageKind
    id: Path
    pull_config: PullConfig | None = None
    force_pull: bool | None = None
    labels: Labels = {}


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


class Container(Model):
    """One container of the pod: one Mesos task of the group."""

    name: Name
    exec: Exec | None = None
    resources: Resources
    resource_limits: ResourceLimits | None = None
    endpoints: tuple[Endpoint, ...] = ()
    image: Image | None = None
    environment: Environment = {}
    user: str | None = None
    health_check: HealthCheck | None = None
    health_checks: tuple[HealthCheck, ...] = ()
    check: Check | None = None
    readiness_check: ReadinessCheck | None = None
    restart_policy: RestartPolicy | None = None
    restarts: Restarts | None = None
    essential: bool | None = None
    depends_on: tuple[Dependency, ...] = ()
    max_run_seconds: float | None = Field(default=None, gt=0, le=LONGEST_SECONDS)
    linux_info: LinuxInfo | None = None
    tty: bool | None = None
    volume_mounts: tuple[VolumeMount, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    labels: Labels = {}
    lifecycle: Lifecycle | None = None

    @property
    def every_health_check(self) -> tuple[HealthCheck, ...]:
        """All its health checks: the one and the others."""
        return (*(() if self.health_check is None else (self.health_check,)), *self.health_checks)


class PersistentVolume(Model):
    """A volume that outlives the instance's launches, on the agent that holds it; sizes in MiB.

    ``root``: on the agent's main disk; ``path``: on another; ``mount``: a whole disk, of ``size`` to ``maxSize``.
    """

    type: DiskType | None = None
    size: WholeSize
    max_size: WholeSize | None = None
    profile_name: Text | None = None
    constraints: tuple[tuple[str, ...], ...] = ()

    @property
    def default_type(self) -> Literal["root", "mount"]:
        """What it is where ``type`` is not said: a disk of a profile is a whole one."""
        return "root" if self.profile_name is None else "mount"


class Volume(Model):
    """A directory or file the containers share.

    Fresh with every launch; or one of the agent's (``host``); or kept (``persistent``); or a secret's value in a file
    (``secret``, a key of the pod's ``secrets``).
    """

    name: Name
    host: Text | None = None
    persistent: PersistentVolume | None = None
    secret: Text | None = None


class Network(Model):
    """A network of the pod. All its containers share one network namespace."""

    name: NetworkName | None = None
    mode: NetworkMode = "container"
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


class Constraint(Model):
    """Where instances may be placed, by a field of the agent: its hostname, an attribute, ``@region`` or ``@zone``."""

    field_name: str
    operator: Operator
    value: str | None = None


class Placement(Model):
    """Where instances may run, and on whose resources: ``*`` and the pod's role."""

    constraints: tuple[Constraint, ...] = ()
    accepted_resource_roles: tuple[str, ...] = ()


class UnreachableStrategy(Model):
    """When an instance on an unreachable agent is replaced, and when it is given up; seconds."""

    inactive_after_seconds: Count = 0
    expunge_after_seconds: Count = 0


Unreachable = Annotated[
    Annotated[UnreachableStrategy, Tag(f"{TAG}object")] | Annotated[Disabled, Tag(f"{TAG}text")], OBJECT_OR_TEXT
]


class Scheduling(Model):
    """When, where, and in which order, instances start and end."""

    backoff: Backoff = Backoff()
    upgrade: Upgrade = Upgrade()
    placement: Placement = Placement()
    kill_selection: KillSelection = "YOUNGEST_FIRST"
    unreachable_strategy: Unreachable = UnreachableStrategy()


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
    secrets: dict[Text, Secret] = {}
    volumes: tuple[Volume, ...] = ()
    networks: tuple[Network, ...] = ()
    scaling: Scaling = Scaling()
    scheduling: Scheduling = Scheduling()
    executor_resources: ExecutorResources = ExecutorResources()
    role: Text | None = None
    linux_info: LinuxInfo | None = None
    legacy_shared_cgroups: bool | None = None
    dependencies: tuple[Text, ...] = ()
    port_environment: bool | None = None

    @property
    def resident(self) -> bool:
        """Whether its instances stay on the agents that hold their persistent volumes."""
        return any(volume.persistent is not None for volume in self.volumes)


def render(definition: PodDefinition) -> dict[str, Any]:
    """The definition as the API shows it: defaults filled in, absent and empty members left out."""
    rendered: dict[str, Any] = _prune(definition.model_dump(mode="json", by_alias=True))
    rendered["scheduling"].setdefault("placement", {})  # Marathon shows the parts of scheduling also when empty
    return rendered


def _prune(value: Any) -> Any:
    if isinstance(value, Mapping):
        members = {key: _prune(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not None and member not in ({}, [])}
    if isinstance(value, list):
        return [_prune(member) for member in value]
    return value
