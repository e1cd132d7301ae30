"""The Mesos roles that a pod may have: the framework's or, inside a group, the name of the top-level group."""

from enum import StrEnum

from scheduler.model.ids import segments


class EnforceRole(StrEnum):
    """Marathon's ``--new_group_enforce_role``: whether pods of a group must have the group's role."""

    OFF = "off"
    TOP = "top"


def is_enforced(pod_id: str, enforce: EnforceRole) -> bool:
    """Whether the group's role is the only one the pod may have."""
    return enforce is EnforceRole.TOP and _group(pod_id) is not None


def default_role(pod_id: str, base: str, enforce: EnforceRole) -> str:
    """The role of a pod without one; ``base`` is the framework's."""
    group = _group(pod_id)
    return base if group is None or enforce is EnforceRole.OFF else group


def allowed_roles(pod_id: str, base: str, enforce: EnforceRole, current: str | None) -> frozenset[str]:
    """The roles a pod may name. ``current``: the role of the pod it replaces, which a pod in a group may keep."""
    group = _group(pod_id)
    if group is None:
        return frozenset({base})
    kept = set() if current is None else {current}
    return frozenset({group, *kept} if enforce is EnforceRole.TOP else {base, group, *kept})


def _group(pod_id: str) -> str | None:
    names = segments(pod_id)
    return names[0] if len(names) > 1 else None
