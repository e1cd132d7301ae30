"""Who this framework is to Mesos: the FrameworkInfo of every subscription. Pure."""

from dataclasses import dataclass

from scheduler.model.json import Json

_WEEK = 604800.0
_CAPABILITIES = ("MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "RESERVATION_REFINEMENT", "REGION_AWARE")


@dataclass(frozen=True, slots=True)
class FrameworkIdentity:
    """Names and meanings are Marathon's flags where it has them.

    Attributes:
        roles: those it has at the beginning.
        user: under which tasks run that name no other.
        webui_url: where Mesos' own pages link to.
        hostname: of this scheduler.
        principal: who pays for it; needed where the master authenticates frameworks.
        failover_timeout: seconds for which Mesos keeps the tasks of a framework that is away.
        gpus: whether to be offered agents with GPUs, which Mesos keeps for those who ask.
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
        """The FrameworkInfo, without the id that only the driver knows."""
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
