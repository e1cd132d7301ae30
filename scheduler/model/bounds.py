"""How much of anything a definition may hold, so that none can hold up the scheduler, however small its text is.

Checked before all else, on the document as posted: what is bounded here costs the other checks, and later every offer
and every launch, some milliseconds at most.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from scheduler.model.problems import Problem, Steps, path_of

MOST_ENTRIES = 1000  # of any list or object
MOST_MEMBERS = 50_000  # of all lists and objects together
# Of lists and objects, by their key. A container takes the scheduler some 0.1 ms, and its executor some 0.1 MB; each
# constraint is compared with each agent; with more mounts no container can be started (``sizes``).
MOST = {
    "containers": 500,
    "constraints": 100,
    "volumeMounts": 200,
    "acceptedResourceRoles": 100,
    "argv": 10_000,
    "environment": 5000,
}
# All containers get a variable for each label and each variable of the pod, and some for each endpoint.
MOST_VARIABLES = 50_000
_MOST_PROBLEMS = 20


def excesses(document: Any) -> tuple[Problem, ...]:
    """A problem for each list or object in a definition that has too many entries, but not for thousands of them.

    What is no object is left to the schema.
    """
    return tuple(islice(_excesses(document), _MOST_PROBLEMS)) if isinstance(document, dict) else ()


def _excesses(document: dict[str, Any]) -> Iterator[Problem]:
    members, is_too_large = 0, False
    waiting: list[tuple[Steps, Any]] = [((), document)]
    while waiting:
        steps, value = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        members += len(value)
        most = MOST.get(str(steps[-1]), MOST_ENTRIES) if steps else MOST_ENTRIES
        if len(value) > most:
            is_too_large = True
            yield Problem(path_of(steps), f"has {len(value)} entries, but at most {most} are allowed")
        else:
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*steps, key), entry) for key, entry in entries)
    if members > MOST_MEMBERS and not is_too_large:
        yield Problem(
            "/", f"has {members} members in all its lists and objects, but at most {MOST_MEMBERS} are allowed"
        )
    elif not is_too_large:
        yield from _variables(document)


def _variables(document: dict[str, Any]) -> Iterator[Problem]:
    containers = _list(document.get("containers"))
    endpoints = sum(len(_list(each.get("endpoints"))) for each in containers if isinstance(each, dict))
    for_each = sum(len(each) for each in map(document.get, ("labels", "environment")) if isinstance(each, dict))
    total = len(containers) * (endpoints + for_each)
    if total > MOST_VARIABLES:
        error = (
            f"each of its {len(containers)} containers gets variables for {endpoints} endpoints and {for_each} labels "
            f"and variables of the pod: {total} in all, but at most {MOST_VARIABLES} are allowed"
        )
        yield Problem("/", error)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
