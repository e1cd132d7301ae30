"""Runs targets in child processes, side by side, and collects their findings."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.child import LONGEST_CASE, NUMBER

_ROOT = Path(__file__).parents[2]
_LONGER = 3 * LONGEST_CASE  # seconds that a child may take longer than told: material is made, and a last case runs
_MEMORY = Path("/dev/shm")
_SHOWN = 4000  # characters of standard error
_LIMIT = 50  # deaths of a target's processes, after which it is given up


@dataclass(frozen=True, slots=True)
class Found:
    """A finding, and where it is.

    Attributes:
        number: of the case in the run.
        case: its bytes; None: it is known, as another one with the same signature.
    """

    target: str
    number: int
    kind: str
    text: str
    signature: str
    case: bytes | None


@dataclass(frozen=True, slots=True)
class Explored:
    """What came of one target."""

    target: str
    cases: int
    findings: tuple[Found, ...]


def explore(
    names: Sequence[str],
    seed: int,
    seconds: float,
    jobs: int,
    say: Callable[[Found], None] = lambda _: None,
    count: int = sys.maxsize,
) -> list[Explored]:
    """Run all targets for these seconds together, as many as ``jobs`` at a time, but no more than ``count`` cases of
    each. ``say`` hears of each finding.
    """
    share = seconds * min(jobs, len(names)) / len(names)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda name: _explore(name, seed, share, say, count), names))


def repeat(name: str, seed: int, number: int, longest: float = LONGEST_CASE) -> tuple[Found, ...]:
    """Run one case of a run again. ``longest``: the seconds after which it is stuck."""
    with _folder() as folder:
        command = _command(name, seed, number, folder / "running", "--count", "1", "--longest", str(longest))
        return tuple(_findings(name, *_child(command, folder, _LONGER), folder / "running"))


def _explore(name: str, seed: int, seconds: float, say: Callable[[Found], None], count: int) -> Explored:
    """Run a target until its time is over, in another process each time that one dies."""
    deadline = time.monotonic() + seconds
    number, deaths, found = 0, 0, {}
    with _folder() as folder:
        running = folder / "running"
        while (rest := deadline - time.monotonic()) > 0 and number < count and deaths < _LIMIT:
            running.unlink(missing_ok=True)
            command = _command(name, seed, number, running, "--seconds", str(rest), "--count", str(count - number))
            lines, status, errors = _child(command, folder, rest + _LONGER)
            for each in _findings(name, lines, status, errors, running):
                if each.signature not in found:
                    found[each.signature] = each
                    say(each)
            deaths += status != 0
            number = _next(lines, running, number)
    return Explored(name, number, tuple(found.values()))


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for all files of a target's processes, which may die without removing theirs; in memory if possible."""
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="podexec-fuzz-", dir=where) as folder:
        yield Path(folder)


def _command(name: str, seed: int, number: int, running: Path, *more: str) -> list[str]:
    # -P as the current folder has modules with names of others; the tests are found by PYTHONPATH.
    asked = ["--seed", str(seed), "--first", str(number), "--running", str(running), *more]
    return [sys.executable, "-P", "-m", "tests.fuzz.child", name, *asked]


def _child(command: list[str], folder: Path, seconds: float) -> tuple[list[Any], int, str]:
    """What a child told, its exit status, and the end of its standard error."""
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "PYTHONHASHSEED": "0", "TMPDIR": str(folder)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        try:
            status = subprocess.run(
                command, stdout=out, stderr=errors, cwd=_ROOT, env=environment, timeout=seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            status = -1
        out.seek(0)
        lines = [json.loads(line) for line in out.read().splitlines() if line.endswith(b"}")]
        errors.seek(max(0, errors.seek(0, os.SEEK_END) - _SHOWN))
        return lines, status, errors.read().decode(errors="replace")


def _findings(name: str, lines: list[Any], status: int, errors: str, running: Path) -> Iterator[Found]:
    for line in lines:
        if "kind" in line:
            case = base64.b64decode(line["case"]) if "case" in line else None
            yield Found(name, line["number"], line["kind"], line["text"], line["signature"], case)
    if status != 0:
        number, case = _running(running)
        # faulthandler ends a process with 1, after it has written its stacks.
        kind = "hang" if "Timeout (" in errors or status == -1 else "death"
        yield Found(name, number, kind, f"the process ended with {status}:\n{errors}", f"{kind} {status}", case)


def _running(running: Path) -> tuple[int, bytes]:
    content = running.read_bytes() if running.exists() else b""
    return int.from_bytes(content[:NUMBER]), content[NUMBER:]


def _next(lines: list[Any], running: Path, number: int) -> int:
    told = [line["next"] for line in lines if "next" in line]
    return told[-1] if told else max(number, _running(running)[0] + 1)
