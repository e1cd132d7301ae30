"""A caller: who makes a request, and what it may do."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

from scheduler.access.grants import ALL_GRANTS, EVERYWHERE, Grants
from scheduler.access.permissions import Permission


class Method(StrEnum):
    """How a caller authenticated."""

    NONE = "none"
    PASSWORD = "password"
    TOKEN = "token"
    JWT = "jwt"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request.

    Attributes:
        name: None: access is not restricted, and nobody is asked who they are.
        method: how it authenticated.
        grants: what it may do.
        token: the name of the token it used, if it used one.
        expires: when its credentials expire, seconds since the epoch.
        proof: what it authenticated with, as the authenticator looks it up again; never the credentials themselves.
    """

    name: str | None
    method: Method
    grants: Grants
    token: str | None = None
    expires: float = inf
    proof: object = field(default=None, compare=False, repr=False)

    def may(self, permission: Permission, path: str) -> bool:
        """Whether it has a permission on a pod's canonical id, or on everything of a pattern such as ``/team-a/**``."""
        return self.grants.may(permission, path)

    @property
    def sees_all(self) -> bool:
        """Whether it may view every pod, so that nothing has to be left out."""
        return self.grants.may(Permission.VIEW, EVERYWHERE)


EVERYONE = Caller(None, Method.NONE, ALL_GRANTS)
