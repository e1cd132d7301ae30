"""Entries of lists, each shown on its own: one that cannot be shown does not take the others along.

Much of a record comes from masters, agents and containers. It is checked where it enters, but a mistake there must not
make the whole list unreadable, over restarts.
"""

from collections.abc import Callable

import orjson

from scheduler.core.world import World
from scheduler.model.json import Json

MESSAGE = "this cannot be shown; the scheduler's log says why"
_MOST_KNOWN, _LONGEST = 1000, 500


def entry(world: World, name: str, show: Callable[[], Json], instead: Json) -> Json:
    """What ``show`` returns or, if that fails or cannot be written as JSON, ``instead``. The reason is kept under the
    ``name`` of the record, to be logged.
    """
    try:
        shown = show()
        orjson.dumps(shown)
    except Exception as error:
        known = world.volatile.unshowable
        if len(known) < _MOST_KNOWN:
            known.setdefault(name, f"{type(error).__name__}: {error}"[:_LONGEST])
        return instead
    return shown
