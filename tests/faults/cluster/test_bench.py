"""A short run on real Mesos and ZooKeeper breaks no promise, and of no run anything stays behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cluster.support import wait_for
from tests.faults.cluster.__main__ import HISTORY, REPORT
from tests.faults.cluster.history import of_kind, read
from tests.vagrant.room import CGROUPS

pytestmark = pytest.mark.timeout(400)

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a run makes its folder, which others may enter."""
    with tempfile.TemporaryDirectory(prefix="podexec-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _start(place: Path, *words: str) -> subprocess.Popen[str]:
    """Start a run; it has a process group of its own, as a terminal's command has."""
    command = (
        *(sys.executable, "-m", "tests.faults.cluster", "--seed", "7", "--round", "5"),
        *("--results", str(place / "results"), *words),
    )
    return subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, "TMPDIR": str(place)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )


def _remains(place: Path, run: int) -> list[object]:
    """What is left of a run, whose process has or had this id."""
    return [
        *place.glob("podexec-faults-*"),
        *CGROUPS.glob(f"*/podexec-room-{run}"),
        *(line for line in Path("/proc/self/mounts").read_text().splitlines() if str(place) in line),
        *(each for each in psutil.process_iter(["cmdline"]) if str(place) in " ".join(each.info["cmdline"] or ())),
    ]


@pytest.mark.parametrize(
    ("store", "first", "faults", "store_faults"),
    [
        ("zookeeper", 2, {"cut-out", "kill", "restart"}, []),
        ("sqlite", 6, {"cut", "cut-link", "cut-out", "fsync-error"}, ["wrong-store"]),
    ],
    ids=["three", "one"],
)
def test_a_short_run_breaks_no_promise(
    store: str, first: int, faults: set[str], store_faults: list[str], place: Path
) -> None:
    """Two rounds of this seed. Of three schedulers the one that leads is restarted and killed; a single one is cut off,
    and its store fails and is mistaken.
    """
    run = _start(place, "--store", store, "--first", str(first), "--rounds", "2", "--users", "2")
    said, _ = run.communicate()
    assert run.returncode == 0, said
    entries = read(place / "results" / HISTORY)
    assert [entry["number"] for entry in of_kind(entries, "round")] == [first, first + 1]
    assert {entry["number"] for entry in of_kind(entries, "quiet")} == {0, first, first + 1}
    assert {entry["outcome"] for entry in of_kind(entries, "answer")} >= {"ok"}
    assert {entry["fault"]["kind"] for entry in of_kind(entries, "fault")} == faults
    assert [entry["fault"] for entry in of_kind(entries, "store")] == store_faults
    assert of_kind(entries, "event")
    assert of_kind(entries, "live")
    assert "no violations" in (place / "results" / REPORT).read_text()
    assert _remains(place, run.pid) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_of_a_run_that_is_ended_nothing_stays_behind(place: Path, how: signal.Signals) -> None:
    run = _start(place, "--patience", "60")
    assert run.stdout is not None
    said = ""
    while "round 1: " not in said:
        line = run.stdout.readline()
        assert line, said
        said += line
    wait_for("containers run", lambda: of_kind(read(place / "results" / HISTORY), "live"))
    assert len(_remains(place, run.pid)) > 10
    if how is signal.SIGINT:
        os.killpg(run.pid, how)  # as Ctrl-C does
        rest, _ = run.communicate()
        assert run.returncode == 0, said + rest
        assert "no violations" in rest
    else:
        run.send_signal(how)
        run.communicate()
    wait_for("nothing of the run is left", lambda: not _remains(place, run.pid))
