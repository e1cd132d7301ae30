"""The pod definition: every field a user may write, once. Frozen, so that a stored version never changes.

The models hold types, defaults and ranges (the schema stage); rules that join several fields are in ``rules``. They are
one table of fields, however long. JSON names are camelCase, as in Marathon's API; sizes are MiB, times seconds unless a
name says otherwise.
"""

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

MOST_INSTANCES = 100_000  # more than podexec is built for: a typing error


class EnvironmentSecret(Model):
    """A variable whose value is a secret: a key of the pod's ``secrets``."""

    secret: Text


EnvironmentValue = Annotated[
    Annotated[str, Tag(f"{TAG}text")] | Annotated[EnvironmentSecret, Tag(f"{TAG}object")], TEXT_OR_OBJECT
]
Environment = dict[EnvKey, EnvironmentValue]


class Secret(Model):
    """A secret that the pod may use."""

    source: Text


class Resources(Model):
    """Resources that a container requests. How they are isolated is up to Mesos."""

    cpus: float = Field(default=1.0, ge=0.001)
    mem: Memory = 128.0
    disk: Disk = 0.0
    gpus: Count = 0


class ResourceLimits(Model):
    """Limits for a container's use beyond its request, where the agent has resources to spare."""

    cpus: CpuLimit | None = None
    mem: MemoryLimit | None = None


class Seccomp(Model):
    """The system calls a container may make: those of a profile on the agent, or all (``unconfined``)."""

    profile_name: Text | None = None
    unconfined: bool = False


class IpcInfo(Model):
    """Whether a container has its own System V IPC and /dev/shm. ``shmSize`` is in MiB."""

    mode: IpcMode
    shm_size: WholeSize | None = None


class LinuxInfo(Model):
    """Linux settings of a container; for the whole pod, only ``ipcInfo``."""

    seccomp: Seccomp | None = None
    ipc_info: IpcInfo | None = None


class ExecutorResources(Model):
    """Resources of the pod's executor, in addition to those of its containers."""

    cpus: float = Field(default=0.1, ge=0.1)
    mem: ExecutorMemory = 32.0
    disk: ExecutorDisk = 10.0


class Endpoint(Model):
    """A port that others can reach. ``hostPort`` 0: any free port of the agent; absent: none."""

    name: Name
    container_port: Port | None = None
    host_port: Port | None = None
    protocol: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    labels: Labels = {}
    network_names: tuple[str, ...] = ()

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Its protocols as a network knows them: ``udp``, and ``tcp`` for any other; none if none are given."""
        return tuple(dict.fromkeys("udp" if each.lower() == "udp" else "tcp" for each in self.protocol or ()))


class PullConfig(Model):
    """The secret (a key of the pod's ``secrets``) with the registry's credentials."""

    secret: Text


class Image(Model):
    """A Docker image, unpacked and run by Mesos itself. ``forcePull``: ignore the agent's cached copy."""

    kind: ImageKind
    id: Path
    pull_config: PullConfig | None = None
    force_pull: bool | None = None
    labels: Labels = {}


class VolumeMount(Model):
    """Mounts a volume of the pod in a container. A relative path is in the sandbox."""

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
        """``health_check``, if there is one, and ``health_checks``."""
        return (*(() if self.health_check is None else (self.health_check,)), *self.health_checks)


class PersistentVolume(Model):
    """A volume that outlives its instance's launches, on the agent that holds it; sizes in MiB.

    ``root``: on the agent's main disk; ``path``: on another disk; ``mount``: a whole disk of ``size`` to ``maxSize``.
    """

    type: DiskType | None = None
    size: WholeSize
    max_size: WholeSize | None = None
    profile_name: Text | None = None
    constraints: tuple[tuple[str, ...], ...] = ()

    @property
    def default_type(self) -> Literal["root", "mount"]:
        """Used if ``type`` is absent: a disk with a profile is used whole."""
        return "root" if self.profile_name is None else "mount"


class Volume(Model):
    """A directory or file that containers share.

    Empty at every launch; or a path of the agent (``host``); or kept across launches (``persistent``); or a file with
    a secret's value (``secret``, a key of the pod's ``secrets``).
    """

    name: Name
    host: Text | None = None
    persistent: PersistentVolume | None = None
    secret: Text | None = None


class Network(Model):
    """A network that the pod joins. Its containers share one network namespace."""

    name: NetworkName | None = None
    mode: NetworkMode = "container"
    labels: Labels = {}


class Scaling(Model):
    """The number of instances."""

    kind: Literal["fixed"] = "fixed"
    instances: int = Field(default=1, ge=0, le=MOST_INSTANCES)


class Backoff(Model):
    """How long an ended instance waits for its relaunch.

    The first wait is ``backoff``; each further one is ``backoffFactor`` times as long, up to ``maxLaunchDelay``.
    """

    backoff: float = Field(default=1.0, ge=0)
    backoff_factor: float = Field(default=1.15, ge=0)
    max_launch_delay: float = Field(default=300.0, ge=0)


class Upgrade(Model):
    """How far an update may go below and above the number of instances, as fractions of it."""

    minimum_health_capacity: float = Field(default=1.0, ge=0, le=1)
    maximum_over_capacity: float = Field(default=1.0, ge=0, le=1)


class Constraint(Model):
    """Restricts agents by a field: the hostname, an attribute, ``@region`` or ``@zone``."""

    field_name: str
    operator: Operator
    value: str | None = None


class Placement(Model):
    """The agents on which instances may run, and the roles whose resources they may use."""

    constraints: tuple[Constraint, ...] = ()
    accepted_resource_roles: tuple[str, ...] = ()


class UnreachableStrategy(Model):
    """When an instance on an unreachable agent is replaced, and when it is expunged; seconds."""

    inactive_after_seconds: Count = 0
    expunge_after_seconds: Count = 0


Unreachable = Annotated[
    Annotated[UnreachableStrategy, Tag(f"{TAG}object")] | Annotated[Disabled, Tag(f"{TAG}text")], OBJECT_OR_TEXT
]


class Scheduling(Model):
    """When, where and in which order instances start and end."""

    backoff: Backoff = Backoff()
    upgrade: Upgrade = Upgrade()
    placement: Placement = Placement()
    kill_selection: KillSelection = "YOUNGEST_FIRST"
    unreachable_strategy: Unreachable = UnreachableStrategy()


class PodDefinition(Model):
    """A pod: containers that are launched together on one agent and share networks and volumes.

    ``version`` is set by the server: the time at which it accepted this definition.
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
    """The definition as the API shows it: with defaults, without absent and empty members."""
    rendered = _pruned(definition.model_dump(mode="json", by_alias=True, exclude_none=True))
    rendered["scheduling"].setdefault("placement", {})  # Marathon shows the parts of scheduling also when empty
    return rendered


def _pruned(members: dict[str, Any]) -> dict[str, Any]:
    """The members of an object of JSON, without empty objects and lists at any depth."""
    kept: dict[str, Any] = {}
    for key, member in members.items():
        if type(member) is dict:
            inner: Any = _pruned(member)
        elif type(member) is list:
            inner = [_pruned(item) if type(item) is dict else item for item in member]
        else:
            kept[key] = member
            continue
        if inner:
            kept[key] = inner
    return kept
