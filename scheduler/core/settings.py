"""The settings of the core, fixed at start.

Where Marathon has a flag for one, its name and meaning are Marathon's.
"""

from dataclasses import dataclass
from enum import StrEnum

from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole


class PlacementPolicy(StrEnum):
    """Which of the fitting agents an instance is placed on."""

    SPREAD = "spread"  # the one with the fewest instances of the pod
    PACK = "pack"  # the one with the least left, so that others stay free for large pods


class GpuScheduling(StrEnum):
    """Marathon's ``--gpu_scheduling_behavior``: whether pods without GPUs may run on agents that offer some."""

    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"


class AcceptedRoles(StrEnum):
    """Marathon's ``--accepted_resource_roles_default_behavior``: default for pods that set no acceptedResourceRoles."""

    ANY = "any"
    UNRESERVED = "unreserved"
    RESERVED = "reserved"

    def roles(self, role: str) -> frozenset[str]:
        """The accepted resource roles of a pod with this role."""
        if self is AcceptedRoles.ANY:
            return frozenset({"*", role})
        return frozenset({"*" if self is AcceptedRoles.UNRESERVED else role})


@dataclass(frozen=True, slots=True)
class ExecutorCommand:
    """How agents start the pods' executor.

    Attributes:
        command: the CommandInfo of a ``CUSTOM`` executor as Mesos v1 JSON; None: Mesos' own default executor.
        data: ExecutorInfo.data, base64.
    """

    command: Json | None
    data: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is podexec's own executor."""
        return self.command is not None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings. Durations are in seconds.

    Attributes:
        role: the framework's own Mesos role.
        new_group_enforce_role: whether pods in groups must have their group's role.
        default_network_name: given to a container network without a name.
        known_networks: CNI networks of the agents; None: not known, any name is accepted.
        env_vars_prefix: prefix of ENDPOINT_*, EP_HOST_*, EP_CONTAINER_* names.
        features: the enabled ones of Marathon's ``--enable_features``.
        strict_definitions: whether a definition with unknown keys is refused.
        placement: which of the fitting agents an instance is placed on.
        accepted_resource_roles_default_behavior: default for pods that set no acceptedResourceRoles.
        gpu_scheduling_behavior: whether pods without GPUs may run on agents that offer some.
        maintenance_mode: whether nothing is launched on agents under maintenance.
        draining_seconds: how long before an agent's maintenance launches there stop.
        max_instances_per_offer: how many instances are launched from one offer, at most.
        max_running_deployments: a change is refused while this many deployments are running.
        versions_kept: definitions remembered per pod.
        principal: the principal of reservations and volumes; without one there are no persistent volumes.
        decline_offer_duration: how long declined resources are not offered again.
        min_revive_offers_interval: at most one REVIVE in this time.
        task_launch_confirm_timeout: a launch without any status in this time is killed and repeated.
        task_launch_timeout: a launch whose executor has not started in this time is killed and repeated.
        task_reservation_timeout: a reservation that was not offered in this time counts as missing.
        kill_retry_timeout: an unconfirmed kill is repeated after this time.
        kills_before_shutdown: after this many kills, and its grace period, an executor is shut down.
        abandoned_launch_timeout: an abandoned launch is killed if it turns up within this time.
        reconciliation_initial_delay: from a subscription to the first question for all tasks the master knows.
        reconciliation_interval: between such questions.
        unknown_timeout: a task that the master does not know for this long counts as gone.
        agent_return_timeout: how long a restarted scheduler waits for the agents in its store, and their tasks.
        adopt_cluster: whether to accept a cluster that has none of the agents in the store.
        terminations_kept: ended incarnations remembered per pod.
    """

    executor: ExecutorCommand
    role: str = "*"
    new_group_enforce_role: EnforceRole = EnforceRole.OFF
    default_network_name: str | None = None
    mesos_bridge_name: str = "mesos-bridge"
    known_networks: frozenset[str] | None = None
    env_vars_prefix: str | None = None
    features: frozenset[str] = frozenset({"secrets"})
    strict_definitions: bool = False
    placement: PlacementPolicy = PlacementPolicy.SPREAD
    accepted_resource_roles_default_behavior: AcceptedRoles = AcceptedRoles.ANY
    gpu_scheduling_behavior: GpuScheduling = GpuScheduling.RESTRICTED
    maintenance_mode: bool = True
    draining_seconds: float = 0.0
    max_instances_per_offer: int = 100
    max_running_deployments: int = 100
    versions_kept: int = 50
    principal: str | None = None
    decline_offer_duration: float = 120.0
    min_revive_offers_interval: float = 5.0
    task_launch_confirm_timeout: float = 300.0
    task_launch_timeout: float = 300.0
    task_reservation_timeout: float = 20.0
    kill_retry_timeout: float = 10.0
    kills_before_shutdown: int = 5
    abandoned_launch_timeout: float = 604800.0
    reconciliation_initial_delay: float = 15.0
    reconciliation_interval: float = 600.0
    unknown_timeout: float = 75.0
    agent_return_timeout: float = 75.0
    adopt_cluster: bool = False
    terminations_kept: int = 5
