"""Permissions and the roles that combine them, after Kubernetes' roles ``view``, ``edit`` and ``admin``."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """An action on a pod or, for ADMIN, on the scheduler itself."""

    VIEW = "view"
    OPERATE = "operate"
    ADMIN = "admin"
    LOGS = "logs"
    USAGE = "usage"
    FILES = "files"
    COPY = "copy"
    EXEC = "exec"


INSIDE = frozenset({Permission.LOGS, Permission.USAGE, Permission.FILES, Permission.COPY, Permission.EXEC})
EVERYTHING = frozenset(Permission)


class Role(StrEnum):
    """A named set of permissions."""

    VIEW = "view"
    OPERATE = "operate"
    ADMIN = "admin"


_VIEW = frozenset({Permission.VIEW, Permission.LOGS, Permission.USAGE})
# Whoever may change a pod may have it run any command anyway. The sandbox and the container's files may hold secrets,
# so they are not for those who may only look.
ROLES: Mapping[Role, frozenset[Permission]] = {
    Role.VIEW: _VIEW,
    Role.OPERATE: _VIEW | {Permission.OPERATE, Permission.FILES, Permission.COPY, Permission.EXEC},
    Role.ADMIN: EVERYTHING,
}
