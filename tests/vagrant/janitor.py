"""Waits for the end of standard input, and removes what is left of a room (room.py): python janitor.py NAME FOLDER.

Its standard input ends with the test's process, however that ends. Runs as a file, as nothing of the project need be
importable.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_DEADLINE_SECONDS = 40.0


def main(name: str, folder: Path) -> int:
    """Exit status 1: something is still there, which is printed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    end = time.monotonic() + _DEADLINE_SECONDS
    while groups := groups_of(name):
        for group in groups:
            empty(group)
        if time.monotonic() > end:
            print(
                "control groups:", *(f"{group} with {group.joinpath('cgroup.procs').read_text()!r}" for group in groups)
            )
            return 1
        time.sleep(0.05)  # the kernel ends processes when it likes
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        print("folder:", *folder.rglob("*"))
        return 1
    return 0


def groups_of(name: str) -> list[Path]:
    """The room's control groups, those inside of others first."""
    roots = Path("/sys/fs/cgroup").glob(f"*/{name}")
    return [Path(folder) for root in roots for folder, _, _ in os.walk(root, topdown=False)]


def empty(group: Path) -> None:
    """Kill what is in a group, and remove the group once it is empty."""
    with suppress(OSError):  # what is frozen cannot end
        group.joinpath("freezer.state").write_text("THAWED")
    with suppress(OSError):
        for pid in group.joinpath("cgroup.procs").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    with suppress(OSError):
        group.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
