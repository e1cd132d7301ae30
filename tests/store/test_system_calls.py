"""Whatever system call of an SQLite store is the last, or fails: the store loads, with every commit that returned."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.core.frame import Put, Record, key_of
from scheduler.model.records import Framework
from scheduler.store import SqliteStore
from tests.store.faulty.scenario import COMMITS, REFUSED, changes

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("faulty") / "calls.c"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of ``calls.c``."""
    built = tmp_path_factory.mktemp("faulty") / "calls.so"
    command = ["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(built), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where that is possible: the calls are the same there, and none of them waits for a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as made:
        yield Path(made)


def after(commits: int) -> list[str]:
    """The contents of a store after so many commits."""
    records: dict[object, Record] = {}
    for number in range(commits):
        records |= {key_of(change.record): change.record for change in changes(number)}
    return sorted(map(repr, records.values()))


def contents(path: Path) -> list[str]:
    with contextlib.closing(SqliteStore(path)) as store:
        return sorted(map(repr, store.load()))


@pytest.mark.parametrize("action", ["kill", "tear", "sync", "full"])
def test_a_store_loads_whatever_call_was_the_last_or_failed(library: Path, folder: Path, action: str) -> None:
    """``tear``: half of the data of the last write is in the file. ``full``: this and all later writes fail."""
    command = [sys.executable, "-m", "tests.store.faulty.scenario", str(folder), action]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "LD_PRELOAD": str(library)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) > 40, "the calls of SQLite are not counted"
    struck = 0
    for number, said, status in outcomes:
        path = folder / str(number) / "store.db"
        returned = sum(word.isdigit() for word in said)
        ends = REFUSED if action in ("sync", "full") else -signal.SIGKILL
        assert status in (0, ends), (number, said, status, done.stderr)
        struck += status == ends
        found = contents(path)
        where = f"call {number}, after {said}: {status}"
        assert found in (after(returned), after(min(returned + 1, COMMITS))), where
        if number % 3 == 0:
            with contextlib.closing(SqliteStore(path)) as store:
                store.commit([Put(Framework("next"))])
            assert "Framework(id='next')" in contents(path), where
    assert outcomes[-1][1] == [*map(str, range(COMMITS)), "unharmed"]
    assert struck > (40 if action in ("kill", "tear") else 8)
    if action in ("sync", "full"):
        assert "store.db: " in done.stderr
        assert "Check the disk" in done.stderr or "Pass a file" in done.stderr
