"""What a policy consists of.

The fields are plain values, as a policy is part of the settings and events that a recording contains. Their names are
single words, so that files and recordings spell them alike.
"""

from enum import StrEnum

from scheduler.model.frozen import Frozen

EVERYWHERE = ("/**",)
AMOUNTS = ("instances", "cpus", "mem", "disk", "gpus")  # that a quota limits


class Effect(StrEnum):
    """The consequence for a definition that breaks a rule."""

    REFUSE = "refuse"
    WARN = "warn"

    @property
    def refuses(self) -> bool:
        """Whether the definition is refused; otherwise the user is warned."""
        return self is Effect.REFUSE


class Allowed(Frozen):
    """The only values that a rule accepts. None: any.

    Attributes:
        images: registries and repositories.
        paths: files and directories of agents, for host volumes and artifacts.
    """

    images: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None


class Rule(Frozen):
    """A rule for definitions.

    Attributes:
        pods: patterns of the pods it is for.
        exempt: patterns of those it is not for.
        message: advice for the user.
        forbid, require: names of features.
        labels: that a pod must have, with a value.
    """

    name: str
    effect: Effect = Effect.REFUSE
    pods: tuple[str, ...] = EVERYWHERE
    exempt: tuple[str, ...] = ()
    message: str = ""
    forbid: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    allow: Allowed = Allowed()


class Quota(Frozen):
    """The most that the pods of some paths may request together. None: no limit. Sizes in MiB."""

    name: str
    pods: tuple[str, ...]
    effect: Effect = Effect.REFUSE
    instances: int | None = None
    cpus: float | None = None
    mem: float | None = None
    disk: float | None = None
    gpus: int | None = None


class SecretScope(Frozen):
    """The pods of these paths may use the secrets of these sources."""

    pods: tuple[str, ...]
    sources: tuple[str, ...]


class Policy(Frozen):
    """A policy. ``secrets``: None: every pod may use every secret; otherwise only what is listed is allowed."""

    rules: tuple[Rule, ...] = ()
    quotas: tuple[Quota, ...] = ()
    secrets: tuple[SecretScope, ...] | None = None
