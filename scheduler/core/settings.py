"""What an operator decides once, at start, and the core must know.

Names and meanings are Marathon's flags where it has them.
"""

from dataclasses import dataclass

from scheduler.model.json import Json
from scheduler.model.roles import EnforceRole


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
        decline_offer_duration: how long a refused offer stays away.
        min_revive_offers_interval: at most one REVIVE in this time.
        task_launch_confirm_timeout: a launch of which nothing is heard for this long is killed and tried again.
        kill_retry_timeout: an unconfirmed kill is repeated after this.
        reconciliation_interval: between implicit reconciliations.
        unknown_timeout: a task the master does not know is given up after this.
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
    decline_offer_duration: float = 120.0
    min_revive_offers_interval: float = 5.0
    task_launch_confirm_timeout: float = 300.0
    kill_retry_timeout: float = 10.0
    reconciliation_interval: float = 600.0
    unknown_timeout: float = 75.0
    terminations_kept: int = 5
