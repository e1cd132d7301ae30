"""The order in which containers of a group start and stop, from what each depends on.

Pure: it knows containers by their names and by how far they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from podexec.record import record
from podexec.wire import READY, STARTED, SUCCEEDED, Dependency

_WORDS: Final = {STARTED: "to start", READY: "to be ready", SUCCEEDED: "to succeed"}


@record
class Standing:
    """How far a container has ever come, and whether that is all."""

    reached: frozenset[str]  # of STARTED, READY, SUCCEEDED
    ended: bool


def waits_for(dependencies: Iterable[Dependency], standings: Mapping[str, Standing]) -> list[Dependency]:
    """Those that are not met yet."""
    return [each for each in dependencies if each.condition not in standings[each.container].reached]


def hopeless(dependencies: Iterable[Dependency], standings: Mapping[str, Standing]) -> Dependency | None:
    """One that will never be met."""
    return next((each for each in waits_for(dependencies, standings) if standings[each.container].ended), None)


def unstartable(needs: Mapping[str, tuple[Dependency, ...]]) -> set[str]:
    """The containers that wait for themselves, in a circle, or for one that is not there."""
    left = dict(needs)
    started: set[str] = set()
    while free := [name for name, others in left.items() if all(each.container in started for each in others)]:
        started.update(free)
        left = {name: others for name, others in left.items() if name not in started}
    return set(left)


def needed_by(name: str, needs: Mapping[str, tuple[Dependency, ...]]) -> list[str]:
    """The containers that have to end before this one is stopped, of those in ``needs``."""
    return [other for other, dependencies in needs.items() if any(each.container == name for each in dependencies)]


def describe(dependencies: Iterable[Dependency]) -> str:
    """In words: ``waits for container db to be ready``."""
    return "waits for " + " and ".join(f"container {each.container} {_WORDS[each.condition]}" for each in dependencies)
