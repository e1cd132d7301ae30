"""Pod ids: absolute paths of names, as in ``/product/frontend``."""

import re

_NAME = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_LABEL = re.compile(_NAME)

# The shape of an id for those who read a schema; ``is_path`` is what decides.
_SEGMENT = rf"(\.\.|{_NAME}(\.{_NAME})*)"
PATTERN = rf"^/*({_SEGMENT}(/+{_SEGMENT})*/*)?$"


def is_path(text: str) -> bool:
    """Whether a text has the shape of an id, absolute or not: lower-case letters, digits, inner dashes and dots."""
    return all(segment in ("", "..") or is_segment(segment) for segment in text.split("/"))


def is_segment(segment: str) -> bool:
    """Whether a text can stand between two slashes of an id."""
    return all(_LABEL.fullmatch(label) for label in segment.split("."))


def canonical(text: str) -> str:
    """The one spelling of an id: absolute, without doubled and trailing slashes."""
    return "/" + "/".join(segments(text))


def segments(pod_id: str) -> list[str]:
    """The names an id consists of."""
    return [segment for segment in pod_id.split("/") if segment]
