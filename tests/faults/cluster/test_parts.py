"""What the nemesis works with: the shim, the packet filter, and servers that are started again."""

import json
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cluster.support import wait_for
from tests.faults.cluster import links, shim
from tests.faults.cluster.history import History, of_kind, read
from tests.faults.cluster.plan import CUT_LINK, LOSS, Fault
from tests.faults.cluster.server import Server

# Says what it sees each time it is asked: the clock, and whether a store can be written to.
_PROGRAM = """
import datetime, json, sqlite3, sys, time
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.executescript("pragma journal_mode=wal; pragma synchronous=full; create table t(a)")
for _ in sys.stdin:
    before = time.monotonic()
    time.sleep(0.01)
    waited = time.monotonic() - before
    try:
        store.execute("insert into t values(1)")
        problem = ""
    except sqlite3.Error as error:
        problem = str(error)
    with open(sys.argv[1] + "-other.txt", "w") as other:
        other.write("anything else can be written")
    print(json.dumps([time.time(), datetime.datetime.now().timestamp(), waited, problem]), flush=True)
"""

# Notes the child that it forks, which ends after a minute by itself.
_FORKS = """
import os, sys, time
if child := os.fork():
    with open(sys.argv[1], "w") as file:
        file.write(str(child))
    time.sleep(1000)
time.sleep(60)
"""


def test_the_shim_moves_the_clock_and_breaks_the_store_of_a_running_process(tmp_path: Path) -> None:
    switches = shim.Switches(tmp_path / "switches")
    program = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, tmp_path / "podexec.db"],
        env=switches.variables(shim.build(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def seen(**switched: Any) -> tuple[list[float], str]:
        """How far the clocks are off, in hours, and what is wrong with the store."""
        switches.set(**switched)
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write("\n")
        program.stdin.flush()
        *clocks, waited, problem = json.loads(program.stdout.readline())
        assert 0.01 <= waited < 60
        return [round((clock - time.time()) / 3600, 1) for clock in clocks], problem

    with program:
        assert seen() == ([0, 0], "")
        assert seen(clock_offset=3600) == ([1, 1], "")
        assert seen(clock_offset=-3600) == ([-1, -1], "")
        assert seen(disk_is_full=True) == ([0, 0], "database or disk is full")
        assert seen(fsync_fails=True) == ([0, 0], "disk I/O error")
        assert seen() == ([0, 0], "")
        assert program.stdin is not None
        program.stdin.close()
    assert program.returncode == 0


@pytest.mark.parametrize("kind", sorted(links.KINDS))
def test_every_fault_of_a_link_is_one_that_the_packet_filter_understands(kind: str) -> None:
    fault = Fault(kind, "agent-1", 0, 1, peer="master-1" if kind == CUT_LINK else "", amount=30 if kind == LOSS else 0)
    table = f"table inet fault1 {{\n{links.chains(fault, '10.77.0.2')}}}\n"
    command = ("unshare", "--net", "sh", "-euc", "nft -f - && nft list ruleset")
    done = subprocess.run(command, input=table, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hooks = [hook for hook in ("input", "output") if f"hook {hook} " in done.stdout]
    assert hooks == {"cut-in": ["input"], "cut-out": ["output"]}.get(kind, ["input", "output"])
    assert done.stdout.count("drop") == len(hooks)
    assert done.stdout.count("10.77.0.2") == (2 if kind == CUT_LINK else 0)
    assert done.stdout.count("numgen random mod 100 < 30") == (2 if kind == LOSS else 0)


def test_a_server_that_ends_by_itself_is_started_again_and_one_that_is_ended_is_not(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    words = ("sh", "-c", f"echo last words; if mkdir {tmp_path}/once 2>&-; then exit 3; fi; exec sleep 1000")
    server = Server("scheduler-1", words, {"PATH": "/usr/bin:/bin"}, tmp_path / "log", history)

    def started(times: int) -> bool:
        server.tend()
        return len(of_kind(history.entries, "started")) == times and server.pid is not None

    server.start()
    wait_for("it is started again", lambda: started(2))
    server.end(signal.SIGTERM)
    server.tend()
    assert server.pid is None
    server.start()
    server.end()
    history.close()
    entries = read(tmp_path / "history")
    ends = [(entry["code"], entry["wanted"], entry["why"]) for entry in of_kind(entries, "ended")]
    assert ends[:2] == [(3, False, "last words"), (-signal.SIGTERM, True, "last words")]
    assert [entry["kind"] for entry in entries] == ["started", "ended"] * 3


def test_a_fork_that_a_server_left_behind_is_ended_before_the_next_start(tmp_path: Path) -> None:
    """Mesos' agent leaves one if it is killed while it starts a container. It has the agent's name and its port."""
    left = tmp_path / "left"

    def fork() -> psutil.Process | None:
        pid = left.read_text() if left.exists() else ""
        return psutil.Process(int(pid)) if pid else None

    def alive(process: psutil.Process) -> bool:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE

    with ExitStack() as stack:
        history = History(tmp_path / "history")
        stack.callback(history.close)
        server = Server("agent-1", (sys.executable, "-c", _FORKS, str(left)), {}, tmp_path / "log", history)
        stack.callback(server._end_unfinished_forks)
        stack.callback(server.end)
        server.start()
        first = wait_for("it has forked", fork)
        server.end()
        assert alive(first)
        server.start()
        wait_for("the fork has ended", lambda: not alive(first))
