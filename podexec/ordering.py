"""The order in which containers of a group start and stop, derived from their dependencies.

Pure: it knows only the names and the progress of containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from podexec.record import record
from podexec.wire import READY, STARTED, SUCCEEDED, Dependency

_WORDS: Final = {STARTED: "to start", READY: "to be ready", SUCCEEDED: "to succeed"}


@record
class Progress:
    """The conditions that a container has ever reached, and whether it has ended."""

    reached: frozenset[str]  # some of STARTED, READY, SUCCEEDED
    ended: bool


def waits_for(dependencies: Iterable[Dependency], progress: Mapping[str, Progress]) -> list[Dependency]:
    """The dependencies that are not met yet."""
    return [each for each in dependencies if each.condition not in progress[each.container].reached]


def hopeless(dependencies: Iterable[Dependency], progress: Mapping[str, Progress]) -> Dependency | None:
    """A dependency that can no longer be met, if there is one."""
    return next((each for each in waits_for(dependencies, progress) if progress[each.container].ended), None)


def unstartable(needs: Mapping[str, tuple[Dependency, ...]]) -> set[str]:
    """The containers that depend on themselves, in a cycle, or on one outside their group."""
    left = dict(needs)
    started: set[str] = set()
    while free := [name for name, others in left.items() if all(each.container in started for each in others)]:
        started.update(free)
        left = {name: others for name, others in left.items() if name not in started}
    return set(left)


def needed_by(name: str, needs: Mapping[str, tuple[Dependency, ...]]) -> list[str]:
    """The containers in ``needs`` that must end before this one is stopped."""
    return [other for other, dependencies in needs.items() if any(each.container == name for each in dependencies)]


def describe(dependencies: Iterable[Dependency]) -> str:
    """A text such as ``waits for container db to be ready``."""
    return "waits for " + " and ".join(f"container {each.container} {_WORDS[each.condition]}" for each in dependencies)
