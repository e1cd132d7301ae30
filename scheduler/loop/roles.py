"""What the master tells of roles."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Amounts = Mapping[str, float]  # by the name of the resource


@dataclass(frozen=True, slots=True)
class RoleState:
    """A role of the cluster.

    Attributes:
        limit: of its quota, for each resource that has one; for the role and all below it.
        consumed: of all frameworks, what counts towards the limit.
    """

    weight: float
    limit: Amounts = field(default_factory=dict)
    consumed: Amounts = field(default_factory=dict)


Roles = Mapping[str, RoleState]
