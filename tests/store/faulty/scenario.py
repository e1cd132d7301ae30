"""Run with the library of ``calls.c``: for each call in turn, makes commits until it strikes, in a child process.

    python -m tests.store.faulty.scenario FOLDER ACTION

Prints a line of JSON for each child: the number of the call, how many commits returned, and what happened to it. The
child's store is ``FOLDER/NUMBER/store.db``.
"""

import ctypes
import json
import os
import sys
import traceback
from pathlib import Path

from scheduler.core.frame import Put
from scheduler.model.records import Framework
from scheduler.store import SqliteStore, StoreError, sqlite
from tests.store.samples import definition

ACTIONS = {"kill": 1, "tear": 2, "sync": 3, "full": 4}
COMMITS = 3
REFUSED = 3  # the exit code of a child whose store raised StoreError


def changes(number: int) -> list[Put]:
    """Those of a commit; ``contents`` says what a store has after it."""
    return [Put(Framework(str(number))), Put(definition(f"/p{number}")), Put(definition("/same", f"v{number % 2}"))]


def main(folder: Path, action: int) -> None:
    """One child for each call, until one makes all commits without having been struck."""
    faults = ctypes.CDLL(None)
    sqlite._PAGES_BETWEEN_CHECKPOINTS = 3  # so that a commit also writes the log back
    number = 0
    while True:
        number += 1
        place = folder / str(number)
        place.mkdir()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            os.set_inheritable(writing, False)
            os.dup2(writing, 1)
            _child(faults, place / "store.db", number, action)
        os.close(writing)
        with os.fdopen(reading) as told:
            lines = told.read().split()
        _, status = os.waitpid(child, 0)
        print(json.dumps([number, lines, os.waitstatus_to_exitcode(status)]), flush=True)
        if lines and lines[-1] == "unharmed":
            return


def _child(faults: ctypes.CDLL, path: Path, number: int, action: int) -> None:
    """Never returns. What it says goes to standard output, whose writes are not counted."""
    faults.fault_arm(ctypes.c_long(number), action)
    try:
        store = SqliteStore(path)
        for each in range(COMMITS):
            store.commit(changes(each))
            os.write(1, b"%d\n" % each)
        store.close()
        os.write(1, b"unharmed\n" if faults.fault_count() < number else b"done\n")
    except StoreError as error:
        faults.fault_disarm()
        os.write(1, b"refused\n")
        sys.stderr.write(f"{error}\n")
        os._exit(REFUSED)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), ACTIONS[sys.argv[2]])
