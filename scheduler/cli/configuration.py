"""What a scheduler is started with, and how ``/v2/info`` tells it."""

import re
from dataclasses import asdict, dataclass

from scheduler.api.access import EVERYONE, Access
from scheduler.api.inside.guard import EVERYTHING, Permission
from scheduler.core.settings import Settings
from scheduler.mesos.credentials import Credentials
from scheduler.mesos.framework import FrameworkIdentity
from scheduler.mesos.tls import Tls

_IN_MILLISECONDS = (
    "decline_offer_duration",
    "min_revive_offers_interval",
    "task_launch_confirm_timeout",
    "task_launch_timeout",
    "task_reservation_timeout",
    "kill_retry_timeout",
    "abandoned_launch_timeout",
    "agent_return_timeout",
    "reconciliation_initial_delay",
    "reconciliation_interval",
)


@dataclass(frozen=True, slots=True)
class Serving:
    """All that a scheduler is started with.

    Attributes:
        master: ``HOST:PORT[,…]`` or ``zk://…``.
        store: a URL.
        settings: what the core must know.
        identity: who the framework is to Mesos.
        access: who may use the API.
        allowed_inside: what they may do inside containers.
        secrets_source: as ``--secrets-source`` has it.
        credentials: what proves the identity to Mesos; None: nothing.
        agent_credentials: what proves to agents that this scheduler may look inside; None: nothing.
        max_connections: of the API, at a time; None: as many as the limit of open files allows.
        tls: None: Mesos is spoken to without.
    """

    master: str
    host: str
    port: int
    store: str
    settings: Settings
    identity: FrameworkIdentity
    access: Access = EVERYONE
    allowed_inside: frozenset[Permission] = EVERYTHING
    secrets_source: str = "environment"
    credentials: Credentials | None = None
    agent_credentials: Credentials | None = None
    tls: Tls | None = None
    max_connections: int | None = None
    log_level: str = "info"


def without_password(url: str) -> str:
    """A URL, or what is none, without the user and the password that a URL may name."""
    return re.sub("//[^/]*@", "//", url)


def configuration(
    serving: Serving, identity: FrameworkIdentity, connections: int
) -> dict[str, str | int | float | bool | None]:
    """The options under Marathon's names, as far as it has them; no secret among them.

    ``connections``: how many the API may have, asked for or not.
    """
    settings = serving.settings
    values = asdict(settings)
    return {
        "master": without_password(serving.master),
        "framework_name": identity.name,
        "mesos_role": settings.role,
        "new_group_enforce_role": settings.new_group_enforce_role.value,
        "mesos_user": identity.user,
        "mesos_authentication_principal": identity.principal,
        "hostname": identity.hostname,
        "webui_url": identity.webui_url,
        "allow_inside": ",".join(sorted(serving.allowed_inside)),
        "access_control_allow_origin": ",".join(serving.access.origins) or None,
        "max_connections": connections,
        "failover_timeout": identity.failover_timeout,
        "checkpoint": True,
        "ha": False,
        "store": serving.store,
        "executor": "custom" if settings.executor.command else "default",
        "default_network_name": settings.default_network_name,
        "mesos_bridge_name": settings.mesos_bridge_name,
        "networks": None if settings.known_networks is None else ",".join(sorted(settings.known_networks)),
        "env_vars_prefix": settings.env_vars_prefix,
        "enable_features": ",".join(sorted(settings.features)),
        "secrets_source": serving.secrets_source.partition(":")[0],  # what follows may be a credential
        "strict_definitions": settings.strict_definitions,
        "placement": settings.placement.value,
        "accepted_resource_roles_default_behavior": settings.accepted_resource_roles_default_behavior.value,
        "gpu_scheduling_behavior": settings.gpu_scheduling_behavior.value,
        "disable_maintenance_mode": not settings.maintenance_mode,
        "draining_seconds": settings.draining_seconds,
        "max_instances_per_offer": settings.max_instances_per_offer,
        "max_running_deployments": settings.max_running_deployments,
        "zk_max_versions": settings.versions_kept,
        "kills_before_shutdown": settings.kills_before_shutdown,
        "adopt_cluster": settings.adopt_cluster,
        **{name: round(1000 * values[name]) for name in _IN_MILLISECONDS},
    }
