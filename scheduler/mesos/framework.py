"""The framework's identity: the FrameworkInfo of every subscription. Pure."""

from dataclasses import dataclass

from scheduler.model.json import Json

_WEEK = 604800.0
_CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT", "REGION_AWARE")


@dataclass(frozen=True, slots=True)
class FrameworkIdentity:
    """The settings of the FrameworkInfo. Where Marathon has a flag for one, its name and meaning are Marathon's.

    Attributes:
        roles: the roles at the start.
        user: default user of tasks.
        webui_url: target of the links in Mesos' own web interface.
        hostname: this scheduler's.
        principal: required if the master authenticates frameworks.
        failover_timeout: how long Mesos keeps the tasks of a disconnected framework, in seconds.
        gpus: whether to receive offers with GPUs, which Mesos sends only to frameworks with this capability.
    """

    name: str = "podexec"
    user: str = "root"
    roles: tuple[str, ...] = ("*",)
    webui_url: str | None = None
    hostname: str | None = None
    principal: str | None = None
    failover_timeout: float = _WEEK
    gpus: bool = False

    def info(self) -> Json:
        """The FrameworkInfo, without the id, which only the driver knows."""
        capabilities = (*_CAPABILITIES, "GPU_RESOURCES") if self.gpus else _CAPABILITIES
        info: Json = {
            "name": self.name,
            "user": self.user,
            "roles": list(self.roles),
            "checkpoint": True,
            "failover_timeout": self.failover_timeout,
            "capabilities": [{"type": capability} for capability in capabilities],
        }
        for name in ("webui_url", "hostname", "principal"):
            value = getattr(self, name)
            if value is not None:
                info[name] = value
        return info
