"""What all rules share: the site that a definition is for, and ways to walk through a definition."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from scheduler.model.definition import Container, PodDefinition
from scheduler.model.roles import EnforceRole, allowed_roles, default_role
from scheduler.model.running import Command

SECRETS = "secrets"

_T = TypeVar("_T", str, int)


@dataclass(frozen=True, slots=True)
class Site:
    """The operator's settings that a definition must suit.

    Attributes:
        role: the framework's Mesos role.
        default_network_name: the name for container networks without one.
        known_networks: the networks on the agents; None: not known.
        features: Marathon's features that are on; definitions need only ``secrets``.
        strict: whether an unknown key is a problem.
        new_group_enforce_role: whether pods in groups must have their group's role.
        own_executor: whether pods run under podexec's own executor, which supports more than Mesos'.
        current_role: the role of the pod that the definition replaces; None: there is none.
    """

    role: str
    default_network_name: str | None = None
    known_networks: frozenset[str] | None = None
    features: frozenset[str] = frozenset({SECRETS})
    strict: bool = False
    new_group_enforce_role: EnforceRole = EnforceRole.OFF
    own_executor: bool = True
    current_role: str | None = None

    def role_of(self, definition: PodDefinition) -> str:
        """The role that a definition names, or the default."""
        return definition.role or default_role(definition.id, self.role, self.new_group_enforce_role)

    def allowed_roles(self, definition: PodDefinition) -> frozenset[str]:
        """The roles that it may name."""
        return allowed_roles(definition.id, self.role, self.new_group_enforce_role, self.current_role)


def located(definition: PodDefinition) -> Iterator[tuple[str, Container]]:
    """Each container with its path."""
    for index, container in enumerate(definition.containers):
        yield f"/containers({index})", container


def commands(definition: PodDefinition) -> Iterator[tuple[str, Command]]:
    """Every command of the pod with its path."""
    for at, container in located(definition):
        if container.exec is not None:
            yield f"{at}/exec/command", container.exec.command
        yield from ((f"{at}/{key}", command) for key, command in inner_commands(container))


def inner_commands(container: Container) -> Iterator[tuple[str, Command]]:
    """The commands that run inside a container, with their paths in it: those of its checks, and preStop."""
    checks = [
        ("healthCheck", container.health_check),
        *((f"healthChecks({index})", check) for index, check in enumerate(container.health_checks)),
        ("check", container.check),
        ("readinessCheck", container.readiness_check),
    ]
    for key, check in checks:
        if check is not None and check.exec is not None:
            yield f"{key}/exec/command", check.exec.command
    if container.lifecycle is not None and container.lifecycle.pre_stop is not None:
        yield "lifecycle/preStop/command", container.lifecycle.pre_stop.command


def repeated(values: Iterable[_T]) -> list[_T]:
    """The values that occur more than once."""
    found = list(values)
    if len(set(found)) == len(found):
        return []
    return [value for value, times in Counter(found).items() if times > 1]
