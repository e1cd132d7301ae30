"""Of a room for machines nothing stays behind, however the test's process ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.cluster.support import wait_for
from tests.vagrant.cluster import ROOT
from tests.vagrant.room import CGROUPS
from tests.vagrant.tree import cached_tree

pytestmark = pytest.mark.timeout(900)

# Boots a machine that has a frozen group as Mesos makes them, says so, and does what it is told.
_PROGRAM = """
import sys
from pathlib import Path
from tests.vagrant.machine import Machine
from tests.vagrant.room import Room

folder, tree, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
folder.mkdir()
with Room(folder) as room:
    machine = Machine(room, tree, name, "192.168.56.99", {})
    freezer = "/sys/fs/cgroup/freezer/mesos/container"
    machine.run("sh", "-c", f"mkdir -p {freezer}; sleep 1000 >/dev/null 2>&1 & echo $! > {freezer}/cgroup.procs")
    machine.run("sh", "-c", f"echo FROZEN > {freezer}/freezer.state")
    print(room.name, flush=True)
    if sys.stdin.readline() == "raise\\n":
        raise RuntimeError("as told")
"""


def _remains(room: str, machine: str, folder: Path) -> list[object]:
    """What is left of a room on this machine."""
    return [
        *CGROUPS.glob(f"*/{room}"),
        *([folder] if folder.exists() else ()),
        *(line for line in Path("/proc/self/mounts").read_text().splitlines() if str(folder) in line or room in line),
        *(
            found
            for found in psutil.process_iter(["cmdline"])
            if f"--machine={machine}" in (found.info["cmdline"] or ())
        ),
        *(f"link {name}" for name in psutil.net_if_addrs() if name.startswith("vb-")),
    ]


@pytest.mark.parametrize("end", ["return", "raise", signal.SIGTERM, signal.SIGKILL], ids=str)
def test_nothing_stays_behind(tmp_path: Path, end: str | signal.Signals) -> None:
    name, folder = f"left-{end}-{os.getpid()}", tmp_path / "room"
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, folder, cached_tree(), name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        room = program.stdout.readline().strip()
        assert room, program.communicate()
        before = _remains(room, name, folder)
        if isinstance(end, signal.Signals):
            program.send_signal(end)
        _, errors = program.communicate(input=f"{end}\n")
    assert len(before) > 5, before
    assert program.returncode == {"return": 0, "raise": 1}.get(str(end), -end if isinstance(end, int) else None), errors
    wait_for("nothing of the room is left", lambda: not _remains(room, name, folder), 90)
