"""Patterns of pod ids, as files of permissions and policies write them.

``/**`` is every pod, ``/a/**`` is ``/a`` and everything below it, ``/a/b`` is that pod alone. There are no other
wildcards: which pods a pattern names must be plain to see.
"""

from collections.abc import Iterable
from functools import lru_cache

from scheduler.model.frozen import Frozen
from scheduler.model.ids import is_segment

_BELOW = "/**"
_REMEMBERED = 10_000  # patterns, as files repeat them and requests use them again and again


class PathPattern(Frozen):
    """A pattern that was read.

    Attributes:
        path: the id of a pod or group; empty: the root.
        below: whether everything below ``path`` matches too.
    """

    path: str
    below: bool

    def matches(self, pod_id: str) -> bool:
        """Whether it names this pod. ``pod_id``: in its canonical spelling."""
        return pod_id == self.path or (self.below and pod_id.startswith(self.path + "/"))

    def __str__(self) -> str:
        return self.path + (_BELOW if self.below else "")


@lru_cache(_REMEMBERED)
def path_pattern(text: str) -> PathPattern:
    """Read a pattern. Raises ValueError with a message for its author."""
    below = text.endswith(_BELOW)
    path = text.removesuffix(_BELOW)
    if path or not below:
        if not path.startswith("/"):
            raise ValueError(f"{text!r} must begin with a slash: use /a, /a/** or /**")
        if not all(is_segment(segment) for segment in path[1:].split("/")):
            raise ValueError(f"{text!r} is not the id of a pod or group, optionally followed by /**")
    return PathPattern(path, below)


def matches_any(patterns: Iterable[PathPattern], pod_id: str) -> bool:
    """Whether one of the patterns names this pod."""
    return any(pattern.matches(pod_id) for pattern in patterns)
