"""What routes need of their caller.

Every route states it (``needs`` of ``scheduler.api.routes``), and it is checked before the handler runs, so that the
answer does not depend on what exists. ``by_handler`` is for handlers that show or change several pods: they leave out
what the caller may not view, or call ``require`` themselves.
"""

from collections.abc import Callable

from starlette.requests import HTTPConnection

from scheduler.access.grants import EVERYWHERE
from scheduler.access.permissions import Permission
from scheduler.api.callers import caller_of, require
from scheduler.api.requests import id_in_path

Needs = Callable[[HTTPConnection], None]  # raises ApiError


def any_caller(connection: HTTPConnection) -> None:
    """Anyone with valid credentials may ask: nothing of any pod is shown."""
    caller_of(connection)


def by_handler(connection: HTTPConnection) -> None:
    """The handler asks for each pod."""
    caller_of(connection)


def on_pod(permission: Permission, collection: str = "pods") -> Needs:
    """The permission on the pod that the path parameter ``pod_id`` names."""

    def check(connection: HTTPConnection) -> None:
        require(connection, permission, id_in_path(connection.path_params["pod_id"], collection))

    return check


def everywhere(permission: Permission) -> Needs:
    """The permission on all pods, for what concerns the whole scheduler."""

    def check(connection: HTTPConnection) -> None:
        require(connection, permission, EVERYWHERE)

    return check
