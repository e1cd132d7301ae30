"""Pod ids: absolute paths of names, as in ``/product/frontend``."""

import re
from collections.abc import Container

_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_LABEL = re.compile(_NAME)

# The shape of an id for readers of the schema; ``is_path`` decides.
_SEGMENT = rf"(\.\.|{_NAME}(\.{_NAME})*)"
PATTERN = rf"^/*({_SEGMENT}(/+{_SEGMENT})*/*)?$"


def is_path(text: str) -> bool:
    """Whether a string has the shape of an id, absolute or not: lower-case letters, digits, inner dashes and dots."""
    return all(segment in ("", "..") or is_segment(segment) for segment in text.split("/"))


def is_segment(segment: str) -> bool:
    """Whether a string can be one segment of an id."""
    return all(_LABEL.fullmatch(label) for label in segment.split("."))


def canonical(text: str) -> str:
    """The one spelling of an id: absolute, without doubled and trailing slashes."""
    return "/" + "/".join(segments(text))


def segments(pod_id: str) -> list[str]:
    """The segments of an id."""
    return [segment for segment in pod_id.split("/") if segment]


def parent_group(pod_id: str) -> str:
    """The group that contains a pod or a group."""
    return "/" + "/".join(segments(pod_id)[:-1])


def same_as_a_group(pod_id: str, pods: Container[str], groups: Container[str]) -> str | None:
    """Why no pod can have this id, given these pods and the groups that contain them; None: it can."""
    if pod_id in groups:
        return f"{pod_id} is a group that contains pods: choose another id"
    taken = next((group for group in groups_of(pod_id) if group in pods), None)
    return None if taken is None else f"{taken} is a pod and cannot contain other pods: choose another id"


def groups_of(pod_id: str) -> list[str]:
    """The groups that contain a pod, the outermost first, without the root."""
    names = segments(pod_id)[:-1]
    return ["/" + "/".join(names[:depth]) for depth in range(1, len(names) + 1)]
