"""Rejects NUL characters in strings, which neither Linux nor Mesos passes on."""

from collections.abc import Iterator
from typing import Any

from scheduler.model.definition import PodDefinition
from scheduler.model.problems import Problem, Steps, path_of
from scheduler.model.rules.site import Site

_ESCAPED = "\\u0000"  # in JSON; also a backslash that is followed by these characters


def _without_nul(definition: PodDefinition, site: Site) -> Iterator[Problem]:
    if _ESCAPED not in definition.model_dump_json():
        return  # nearly always: the walk costs many times as much
    for steps in _holding_nul(definition.model_dump(by_alias=True), ()):
        yield Problem(path_of(steps), "must not contain a NUL character")


def _holding_nul(value: Any, steps: Steps) -> Iterator[Steps]:
    if isinstance(value, str) and "\0" in value:
        yield steps
    elif isinstance(value, dict):
        for key, member in value.items():
            if "\0" in key:
                yield (*steps, key)
            yield from _holding_nul(member, (*steps, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _holding_nul(item, (*steps, index))


RULES = (_without_nul,)
