"""What was done and seen in a run, in one order: entries with a time and a kind, kept in memory and as JSON lines.

Kinds of entries, and their members:

=============  =========================================================================================================
run            seed, topology: the first entry
round          number, faults, afterwards: a round begins
fault          number, phase (begin, end), fault: of the nemesis; detail: what it found, if that matters
healed         number: nothing is disturbed from here on
quiet          number, seconds, pods ({id: [revision, instances]}), live, executors ([agent, executor]): converged
restless       number, seconds, differs, pods (None: not known), live, executors: not converged in time
invoke         op, worker, do, pod, revision, instances: a user sends a request
answer         op, outcome (ok, no, maybe), status, deployment, found ([revision, instances] or None), why, stale
live           live ([agent, pod, executor, task]): containers that run, whenever that changes
event          stream, id, type, content: heard on an event stream
store          fault, told, before and after (both as live): a store fault, and whether the scheduler told of it
ended          server, code, wanted, why: a process ended; whether the bench wanted it to; its last words
started        server, pid
traceback      server, text: found in a log
=============  =========================================================================================================
"""

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class History:
    """A history in the making, by many threads."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """``file``: is written anew, an entry a line, each at once."""
        self._entries: list[Entry] = []
        self._lock = threading.Lock()
        self._file = file.open("w")
        self._clock = clock
        self._start = clock()

    def add(self, kind: str, **members: Any) -> Entry:
        """Add an entry with the present time; returns it."""
        with self._lock:
            entry = {"t": round(self._clock() - self._start, 3), "kind": kind, **members}
            self._entries.append(entry)
            self._file.write(f"{json.dumps(entry)}\n")
            self._file.flush()
        return entry

    @property
    def entries(self) -> list[Entry]:
        """All entries so far."""
        with self._lock:
            return list(self._entries)

    def close(self) -> None:
        """No more entries."""
        self._file.close()


def read(file: Path) -> list[Entry]:
    """The entries of a file, to which more may be added at the same time."""
    whole, _, _ = file.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def of_kind(entries: Iterable[Entry], *kinds: str) -> list[Entry]:
    """Those of these kinds."""
    return [entry for entry in entries if entry["kind"] in kinds]
