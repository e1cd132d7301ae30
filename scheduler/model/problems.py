"""Problems of a pod definition, as Marathon reports them: a path and an error; and how paths are written and followed.

``schema`` and ``rules`` find the problems.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Steps = tuple[str | int, ...]  # the keys and list indexes that lead to a member


class Stage(Enum):
    """The stage at which a definition was rejected. Problems of different stages are never reported together."""

    SYNTAX = auto()  # not JSON
    SCHEMA = auto()  # a wrong type, a missing key, a value out of range
    RULES = auto()  # fields that contradict each other or do not suit this cluster


@dataclass(frozen=True, slots=True)
class Problem:
    """One error and its path, such as ``/containers(0)/resources/cpus``; ``/`` is the whole definition."""

    path: str
    error: str


@dataclass(frozen=True, slots=True)
class Problems:
    """All problems that one stage found; never empty."""

    stage: Stage
    items: tuple[Problem, ...]


def path_of(steps: Iterable[str | int]) -> str:
    """The path to a member: keys after slashes, list indexes in parentheses."""
    return "".join(f"({step})" if isinstance(step, int) else f"/{step}" for step in steps) or "/"


@dataclass(frozen=True, slots=True)
class Place:
    """One member of a JSON document: its path, the object that holds it, and its key there."""

    path: str
    holder: dict[str, Any]
    key: str

    @property
    def value(self) -> Any:
        """The member's value."""
        return self.holder[self.key]


def places(document: Any, pattern: str) -> Iterator[Place]:
    """Every member that matches a pattern: ``/containers()/image`` is each container's image, ``*`` any key.

    Values of another shape than the pattern expects are skipped: the schema reports them.
    """
    yield from _follow(document, pattern.strip("/").split("/"), ())


def _follow(value: Any, pattern: list[str], steps: Steps) -> Iterator[Place]:
    if not isinstance(value, dict):
        return
    name, rest = pattern[0], pattern[1:]
    key = name.removesuffix("()")
    for found in list(value) if key == "*" else [key] if key in value else []:
        if not rest:
            yield Place(path_of((*steps, found)), value, found)
        elif name.endswith("()"):
            items = value[found] if isinstance(value[found], list) else []
            for index, item in enumerate(items):
                yield from _follow(item, rest, (*steps, found, index))
        else:
            yield from _follow(value[found], rest, (*steps, found))
