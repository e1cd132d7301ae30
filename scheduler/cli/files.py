"""How many files this process may have open, and how many of them the API's connections may be."""

import contextlib
import resource
from dataclasses import dataclass

from scheduler.cli.errors import CommandError

_MOST_FILES = 1 << 20  # where there is no limit
_MOST_CONNECTIONS = 10_000
_FEWEST_CONNECTIONS = 16
_OWN = 64  # for the store, the way to Mesos, and looks inside containers, at the least
_LARGEST_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Room:
    """What the API may use of the files this process may have open.

    Attributes:
        connections: how many it may have.
        backlog: how many it takes at once. They are files before anything looks at them, those of some rounds together.
    """

    connections: int
    backlog: int


def raise_limit() -> int:
    """Allow this process as many open files as it may allow itself; how many these are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # some systems allow less than they say
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_FILES if soft == resource.RLIM_INFINITY else min(soft, _MOST_FILES)


def room(open_files: int, asked: int | None) -> Room:
    """What the API may use of so many files. Raises CommandError if more connections are asked for than can be."""
    connections = min(_MOST_CONNECTIONS, max(_FEWEST_CONNECTIONS, open_files // 2)) if asked is None else asked
    if asked is not None and asked > open_files - _OWN:
        raise CommandError(
            f"--max-connections {asked} is too much: this process may have {open_files} files open, and needs {_OWN} "
            "of them itself",
            advice="Raise the limit (ulimit -Hn, or LimitNOFILE= of systemd), or allow fewer connections.",
        )
    return Room(connections, max(1, min(_LARGEST_BACKLOG, (open_files - connections) // 4)))
