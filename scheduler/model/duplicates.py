"""Finds keys that a JSON object has more than once, of which decoders silently keep the last."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from scheduler.model.problems import Problem

MEANING = "is given more than once; only the last one counts"


class _Repeating(dict[str, Any]):
    """A decoded object with repeated keys."""

    repeated: tuple[str, ...] = ()


def duplicate_keys(text: bytes) -> tuple[Problem, ...]:
    """The places of all repeated keys in a JSON text.

    Values that decoders drop are not searched. A text that is nested too deeply counts as having none.
    """
    any_repeats = False

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal any_repeats
        made = dict(pairs)
        if len(made) == len(pairs):
            return made
        any_repeats = True
        counts = Counter(key for key, _ in pairs)
        repeating = _Repeating(made)
        repeating.repeated = tuple(key for key, count in counts.items() if count > 1)
        return repeating

    try:
        document = json.loads(text, object_pairs_hook=object_of)
    except (ValueError, RecursionError):
        return ()
    return tuple(Problem(path, MEANING) for path in _repeated(document)) if any_repeats else ()


def _repeated(document: Any) -> Iterator[str]:
    waiting = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value, _Repeating):
                yield from (f"{path}/{key}" for key in value.repeated)
            waiting += [(f"{path}/{key}", each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{path}({index})", each) for index, each in enumerate(value)]
