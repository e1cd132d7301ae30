"""What an operator decides once, at start, and the core must know.

Names and meanings are Marathon's flags where it has them.
"""

from dataclasses import dataclass
from enum import StrEnum

from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole


class PlacementPolicy(StrEnum):
    """To which of the agents that fit an instance goes."""

    SPREAD = "spread"  # the one with fewest instances of the pod
    PACK = "pack"  # the one with least left, so that others stay free for what is large


class GpuScheduling(StrEnum):
    """Marathon's ``--gpu_scheduling_behavior``: whether pods without GPUs may run on agents that offer some."""

    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"


class AcceptedRoles(StrEnum):
    """Marathon's ``--accepted_resource_roles_default_behavior``: on whose resources a pod runs that does not say."""

    ANY = "any"
    UNRESERVED = "unreserved"
    RESERVED = "reserved"

    def roles(self, role: str) -> frozenset[str]:
        """Those of a pod with this role."""
        if self is AcceptedRoles.ANY:
            return frozenset({"*", role})
        return frozenset({"*" if self is AcceptedRoles.UNRESERVED else role})


@dataclass(frozen=True, slots=True)
class ExecutorCommand:
    """How agents start the pods' executor.

    Attributes:
        command: the CommandInfo of a ``CUSTOM`` executor as Mesos v1 JSON; None: Mesos' own default executor.
        data: base64 for ExecutorInfo.data.
    """

    command: Json | None
    data: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is podexec's own."""
        return self.command is not None


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are seconds.

    Attributes:
        role: the framework's own Mesos role.
        new_group_enforce_role: whether pods in groups must have their group's role.
        default_network_name: given to a container network without a name.
        known_networks: CNI networks that the agents have; None: not known, any name is taken.
        env_vars_prefix: put before ENDPOINT_*, EP_HOST_*, EP_CONTAINER_* names.
        features: those of Marathon's ``--enable_features`` that are on.
        strict_definitions: whether a definition with unknown keys is refused.
        placement: to which of the fitting agents an instance goes.
        accepted_resource_roles_default_behavior: on whose resources pods run that do not say.
        gpu_scheduling_behavior: whether pods without GPUs may run on agents that offer some.
        maintenance_mode: whether agents under maintenance are left alone.
        draining_seconds: how long before its maintenance an agent is left alone too.
        max_instances_per_offer: at most so many instances are launched from one offer.
        max_running_deployments: a change is refused while so many are on their way.
        versions_kept: definitions remembered per pod.
        principal: under which volumes are reserved; without one there are no persistent volumes.
        decline_offer_duration: how long a refused offer stays away.
        min_revive_offers_interval: at most one REVIVE in this time.
        task_launch_confirm_timeout: a launch of which nothing is heard for this long is killed and tried again.
        task_launch_timeout: so is one whose executor has not begun after this.
        task_reservation_timeout: a reservation not seen by then is given up.
        kill_retry_timeout: an unconfirmed kill is repeated after this.
        kills_before_shutdown: an executor is shut down that has not acted on this many kills, nor within its grace.
        abandoned_launch_timeout: a launch that was given up is killed should it turn up within this.
        reconciliation_initial_delay: from a subscription to the first question for all tasks the master knows.
        reconciliation_interval: between such questions.
        unknown_timeout: a task the master does not know is given up after this.
        agent_return_timeout: a restarted scheduler waits this long for agents that its store knows, and their tasks.
        adopt_cluster: whether a cluster without any agent that the store knows is taken for its own.
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
