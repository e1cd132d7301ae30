"""The limit of open files, and how many of them the API's connections may use."""

import contextlib
import resource
from dataclasses import dataclass

from scheduler.cli.errors import CommandError

_MOST_FILES = 1 << 20  # if there is no limit
_MOST_CONNECTIONS = 10_000
_FEWEST_CONNECTIONS = 16
_OWN = 64  # at least, for the store, connections to Mesos, and requests into containers
_LARGEST_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Room:
    """The API's share of the files this process may have open.

    Attributes:
        connections: most connections.
        backlog: most connections accepted at once; they are open files before they are counted.
    """

    connections: int
    backlog: int


def raise_limit() -> int:
    """Raise the limit of open files as far as allowed; returns it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # some systems allow less than the hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_FILES if soft == resource.RLIM_INFINITY else min(soft, _MOST_FILES)


def room(open_files: int, asked: int | None) -> Room:
    """The API's share of this many files. Raises CommandError if ``asked`` connections are too many."""
    connections = min(_MOST_CONNECTIONS, max(_FEWEST_CONNECTIONS, open_files // 2)) if asked is None else asked
    if asked is not None and asked > open_files - _OWN:
        raise CommandError(
            f"--max-connections {asked} is too high: this process may have {open_files} files open, and needs {_OWN} "
            "of them for other purposes",
            advice="Raise the limit (ulimit -Hn, or LimitNOFILE= of systemd), or allow fewer connections.",
        )
    return Room(connections, max(1, min(_LARGEST_BACKLOG, (open_files - connections) // 4)))
