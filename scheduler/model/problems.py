"""What is wrong with a pod definition, in Marathon's terms of path and error; how paths are written and followed.

Decides nothing about definitions; ``schema`` and ``rules`` do.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Steps = tuple[str | int, ...]  # the keys and list indexes that lead to a member


class Stage(Enum):
    """How far the reading of a definition got before it was refused. Problems of two stages never come together."""

    SYNTAX = auto()  # not JSON
    SCHEMA = auto()  # a wrong type, a missing key, a value out of range
    RULES = auto()  # fields that do not fit each other, or this cluster


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where: ``/containers(0)/resources/cpus``; ``/`` is the whole definition."""

    path: str
    error: str


@dataclass(frozen=True, slots=True)
class Problems:
    """All that one stage found; never empty."""

    stage: Stage
    items: tuple[Problem, ...]


def path_of(steps: Iterable[str | int]) -> str:
    """The path to a member: keys are joined with slashes, list indexes stand in parentheses."""
    return "".join(f"({step})" if isinstance(step, int) else f"/{step}" for step in steps) or "/"


@dataclass(frozen=True, slots=True)
class Place:
    """One member of a JSON document: where it is, and what holds it under which key."""

    path: str
    holder: dict[str, Any]
    key: str

    @property
    def value(self) -> Any:
        """What is there."""
        return self.holder[self.key]


def places(document: Any, pattern: str) -> Iterator[Place]:
    """Every member that a pattern names: ``/containers()/image`` for that of each container, ``*`` for any key.

    What has another shape than the pattern expects is passed over: saying so is the schema's business.
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
