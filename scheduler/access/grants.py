"""Permissions on paths, compiled so that a decision costs a few look-ups however many rules there are.

A path is a pod's id (``/team-a/web``), or a pattern for everything below a group: ``/team-a/**`` stands for all ids
that begin with ``/team-a/``, not for a pod ``/team-a``; ``/**`` for all ids.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scheduler.access.permissions import EVERYTHING, Permission
from scheduler.model.ids import canonical, is_path

Allowed = frozenset[Permission]
BELOW = "/**"
EVERYWHERE = BELOW
LONGEST_PATH = 1024
_NOTHING: Allowed = frozenset()


@dataclass(frozen=True, slots=True)
class Grants:
    """What one caller may do.

    Attributes:
        exact: permissions on single ids.
        below: permissions on everything below a group; the empty string: below the root.
        deepest: the most segments of a group in ``below``.
    """

    exact: Mapping[str, Allowed]
    below: Mapping[str, Allowed]
    deepest: int

    def may(self, permission: Permission, path: str) -> bool:
        """Whether a permission is granted on a canonical id, or on all ids of a pattern."""
        if permission in self.below.get("", _NOTHING):
            return True
        if path.endswith(BELOW):
            path = path[: -len(BELOW) + 1]  # with its slash, so that the group itself counts among those above
        elif permission in self.exact.get(path, _NOTHING):
            return True
        # No further than the deepest rule: a path in a request may have any length.
        end = path.find("/", 1)
        for _ in range(self.deepest):
            if end < 0:
                break
            if permission in self.below.get(path[:end], _NOTHING):
                return True
            end = path.find("/", end + 1)
        return False


def compiled(granted: Iterable[tuple[str, Allowed]]) -> Grants:
    """The grants of several paths or patterns with their permissions; those on the same one add up."""
    exact: dict[str, Allowed] = {}
    below: dict[str, Allowed] = {}
    for path, allowed in granted:
        if path.endswith(BELOW):
            group = path[: -len(BELOW)]
            below[group] = below.get(group, _NOTHING) | allowed
        else:
            exact[path] = exact.get(path, _NOTHING) | allowed
    return Grants(exact, below, max((group.count("/") for group in below), default=0))


NO_GRANTS = compiled(())
ALL_GRANTS = compiled([(EVERYWHERE, EVERYTHING)])


def problem_of(path: str) -> str | None:
    """What is wrong with a path of a rule; None: nothing."""
    pod_id = path.removesuffix(BELOW)
    if len(path) > LONGEST_PATH:
        return f"it is longer than {LONGEST_PATH} characters"
    if not path.startswith("/"):
        return "it must begin with a slash"
    if "*" in pod_id:
        return f"'*' is allowed only in {BELOW} at the end"
    if pod_id != "" and (not is_path(pod_id) or ".." in pod_id.split("/") or canonical(pod_id) != pod_id):
        return "it must be the id of a pod, or that of a group and /** for everything below it"
    return f"it must be the id of a pod, or {EVERYWHERE} for all pods" if pod_id == "/" else None
