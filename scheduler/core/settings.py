"""The settings of the core: the options that it must know, fixed at start.

Where Marathon has a flag for one, its name and meaning are Marathon's.
"""

from enum import StrEnum
from typing import Annotated

from scheduler.model.frozen import Frozen
from scheduler.model.json import Json
from scheduler.model.option import FEATURES, INVERTED, MILLISECONDS, NAMES_IF_ANY, Option
from scheduler.model.policy.contents import Policy
from scheduler.model.roles import EnforceRole


class PlacementPolicy(StrEnum):
    """Which of the agents that fit gets an instance."""

    SPREAD = "spread"  # the one with the fewest instances of the pod
    PACK = "pack"  # the one with the least left, so that others stay free for large instances


class GpuScheduling(StrEnum):
    """Marathon's ``--gpu_scheduling_behavior``: whether pods without GPUs may run on agents that offer some."""

    RESTRICTED = "restricted"
    UNRESTRICTED = "unrestricted"


class AcceptedRoles(StrEnum):
    """Marathon's ``--accepted_resource_roles_default_behavior``: the default for pods that set none."""

    ANY = "any"
    UNRESERVED = "unreserved"
    RESERVED = "reserved"

    def roles(self, role: str) -> frozenset[str]:
        """The roles whose resources a pod with this role accepts."""
        if self is AcceptedRoles.ANY:
            return frozenset({"*", role})
        return frozenset({"*" if self is AcceptedRoles.UNRESERVED else role})


class ExecutorCommand(Frozen):
    """How agents start the pods' executor.

    Attributes:
        command: the CommandInfo of a ``CUSTOM`` executor in Mesos v1 JSON; None: Mesos' own default executor.
        data: base64 for ExecutorInfo.data.
    """

    command: Json | None
    data: str | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is podexec's own."""
        return self.command is not None


class Settings(Frozen):
    """The options that the core must know, each stated here and nowhere else. Durations are seconds.

    Attributes:
        executor: how agents start the pods' executor.
        principal: owner of the reservations for volumes; without one there are no persistent volumes.
        policy: the operator's at the start; ``PolicyChanged`` replaces it.
        unknown_timeout: a task that the master does not know for this long counts as gone.
        terminations_kept: ended incarnations remembered per pod.
    """

    executor: ExecutorCommand
    role: Annotated[
        str,
        Option(
            "The framework's Mesos role.",
            "It is also the role of pods that are in no group and have no `role`.",
            name="--mesos-role",
        ),
    ] = "*"
    new_group_enforce_role: Annotated[
        EnforceRole,
        Option(
            "Whether pods in groups must have their group's role.",
            "`off`: a pod in a group may use the name of its top-level group as its role; `top`: it must; that name is "
            "its default.",
        ),
    ] = EnforceRole.OFF
    mesos_user: Annotated[
        str,
        Option("Default user for containers.", "The executor runs as this user too, see [users](executor.md#users)."),
    ] = "root"
    default_network_name: Annotated[str | None, Option("Name for container networks that have none.")] = None
    mesos_bridge_name: Annotated[str, Option("Network used for mode container/bridge.")] = "mesos-bridge"
    known_networks: Annotated[
        frozenset[str] | None,
        Option(
            "Container networks the agents have; others are refused.",
            "By default any name is accepted.",
            name="--networks",
            metavar="NAME,…",
            form=NAMES_IF_ANY,
        ),
    ] = None
    env_vars_prefix: Annotated[
        str | None,
        Option(
            "Prefix for the names of endpoint variables.", "These are `ENDPOINT_*`, `EP_HOST_*` and `EP_CONTAINER_*`."
        ),
    ] = None
    features: Annotated[
        frozenset[str],
        Option(
            "Features to enable; an empty string disables all.",
            "The names are Marathon's ([secrets.md](secrets.md#switching-secrets-off)).",
            name="--enable-features",
            metavar="NAME,…",
            form=FEATURES,
            may_be_empty=True,
        ),
    ] = frozenset({"secrets"})
    strict_definitions: Annotated[bool, Option("Refuse definitions with unknown or repeated keys.")] = False
    placement: Annotated[
        PlacementPolicy,
        Option(
            "Whether to spread the instances of a pod over agents or to pack them on few.",
            "`spread`: prefer the agent with the fewest instances of the pod; `pack`: the fullest agent.",
        ),
    ] = PlacementPolicy.SPREAD
    accepted_resource_roles_default_behavior: Annotated[
        AcceptedRoles, Option("Default for pods that set no acceptedResourceRoles.")
    ] = AcceptedRoles.ANY
    gpu_scheduling_behavior: Annotated[
        GpuScheduling, Option("Whether pods that request no GPUs may run on agents with GPUs.")
    ] = GpuScheduling.RESTRICTED
    maintenance_mode: Annotated[
        bool,
        Option("Also launch on agents under maintenance.", name="--disable-maintenance-mode", form=INVERTED),
    ] = True
    draining_seconds: Annotated[
        float, Option("How long before maintenance an agent stops getting instances, in seconds.", minimum=0)
    ] = 0.0
    max_instances_per_offer: Annotated[int, Option("Launch at most this many instances from one offer.", minimum=1)] = (
        100
    )
    max_running_deployments: Annotated[
        int, Option("Refuse changes while this many deployments are running.", minimum=1)
    ] = 100
    versions_kept: Annotated[
        int,
        Option(
            "Keep this many versions of each pod's definition.",
            name="--max-versions",
            alias="--zk-max-versions",
            minimum=1,
            info="zk_max_versions",
        ),
    ] = 50
    principal: str | None = None
    policy: Policy = Policy()
    decline_offer_duration: Annotated[
        float,
        Option("Time before declined resources are offered again, in milliseconds.", minimum=0, form=MILLISECONDS),
    ] = 120.0
    hold_offer_duration: Annotated[
        float,
        Option(
            "How long to keep offers that nothing uses, in milliseconds.",
            "Pods that are posted meanwhile are launched on them at once. Other frameworks wait for them that long.",
            minimum=0,
            form=MILLISECONDS,
        ),
    ] = 1.0
    min_revive_offers_interval: Annotated[
        float, Option("Minimum time between two REVIVE calls, in milliseconds.", minimum=0, form=MILLISECONDS)
    ] = 5.0
    task_launch_confirm_timeout: Annotated[
        float,
        Option(
            "Relaunch if no status arrives for a launch within this time, in milliseconds.",
            minimum=1,
            form=MILLISECONDS,
        ),
    ] = 300.0
    task_launch_timeout: Annotated[
        float,
        Option(
            "Relaunch if the executor has not started within this time, in milliseconds.",
            minimum=1,
            form=MILLISECONDS,
        ),
    ] = 300.0
    task_reservation_timeout: Annotated[
        float,
        Option(
            "Repeat a reservation that no offer shows within this time, in milliseconds.",
            "Released resources must appear in offers within this time too.",
            minimum=1,
            form=MILLISECONDS,
        ),
    ] = 20.0
    kill_retry_timeout: Annotated[
        float, Option("Repeat an unconfirmed kill after this time, in milliseconds.", minimum=1, form=MILLISECONDS)
    ] = 10.0
    kills_before_shutdown: Annotated[
        int,
        Option(
            "Shut down an executor after this many kills without effect.",
            "Its containers' grace periods must have passed as well.",
            minimum=1,
        ),
    ] = 5
    abandoned_launch_timeout: Annotated[
        float,
        Option(
            "How long to watch for an abandoned launch, which is killed if it turns up, in milliseconds.",
            "The default is a week ([scheduler.md](scheduler.md#instances)).",
            minimum=1,
            form=MILLISECONDS,
        ),
    ] = 604800.0
    reconciliation_initial_delay: Annotated[
        float,
        Option("Delay before the first reconciliation with Mesos, in milliseconds.", minimum=0, form=MILLISECONDS),
    ] = 15.0
    reconciliation_interval: Annotated[
        float, Option("Time between reconciliations with Mesos, in milliseconds.", minimum=1, form=MILLISECONDS)
    ] = 600.0
    unknown_timeout: float = 75.0
    agent_return_timeout: Annotated[
        float,
        Option(
            "How long to wait for known agents after a restart, in milliseconds.",
            "It waits for their tasks as well. Agents return to a new master within 60 s; with a shorter time the "
            "right cluster may be refused.",
            minimum=1,
            form=MILLISECONDS,
        ),
    ] = 75.0
    adopt_cluster: Annotated[
        bool,
        Option(
            "Accept a cluster none of whose agents is in the store, and launch all pods there.",
            "For a cluster whose agents were all replaced.",
        ),
    ] = False
    terminations_kept: int = 5
