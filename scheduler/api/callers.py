"""The caller of a request, and what it may do."""

from collections.abc import Callable
from functools import partial

from starlette.requests import HTTPConnection

from scheduler.access.callers import Caller
from scheduler.access.permissions import Permission
from scheduler.api.audit import LACKS, note
from scheduler.api.errors import ApiError

CALLER = "podexec.caller"  # key in a request's scope


def caller_of(connection: HTTPConnection) -> Caller:
    """Who makes the request."""
    caller: Caller = connection.scope[CALLER]
    return caller


def require(connection: HTTPConnection, permission: Permission, path: str) -> None:
    """Raise ApiError unless the caller has the permission on a pod, or on everything of a pattern (``/team-a/**``)."""
    if not caller_of(connection).may(permission, path):
        raise lacking(connection, permission, path)


def lacking(connection: HTTPConnection, permission: Permission, where: str) -> ApiError:
    """The error for a caller who lacks a permission."""
    caller = caller_of(connection)
    note(connection, **{LACKS: f"'{permission}' on {where}"})
    return ApiError(403, {"message": f"{caller.name} lacks '{permission}' on {where}"})


def viewable(connection: HTTPConnection) -> Callable[[str], bool] | None:
    """Whether the caller may view a pod; None: it may view every pod, and nothing has to be left out."""
    caller = caller_of(connection)
    return None if caller.sees_all else partial(caller.may, Permission.VIEW)
