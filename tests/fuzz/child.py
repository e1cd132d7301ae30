"""``python -m tests.fuzz.child``: runs cases of one target, in a process that may die of them.

Each finding is a line of JSON on standard output. The case that runs is in a file, behind its number: if it kills or
blocks the process, that one is to blame.
"""

import argparse
import base64
import contextlib
import faulthandler
import json
import os
import resource
import sys
import time
from pathlib import Path
from random import Random

from structlog.testing import capture_logs

from tests.fuzz.target import ROUND, Finding, Target
from tests.fuzz.targets import target
from tests.fuzz.watch import observe, resident

NUMBER = 8  # bytes in front of the case
MOST_ADDRESSES = 4 * 1024**3  # bytes of address space
MOST_GROWTH = 256 * 1024**2  # bytes from one round to later ones
LONGEST_CASE = 60.0  # seconds by the clock, at which the process ends with its stacks on standard error


def main() -> None:
    """Run cases until the time is over, or as many as asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=sys.maxsize)
    parser.add_argument("--seconds", type=float, default=sys.maxsize)
    parser.add_argument("--longest", type=float, default=LONGEST_CASE)
    parser.add_argument("--running", type=Path, required=True)
    asked = parser.parse_args()

    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
    findings = sys.stdout
    sys.stdout = sys.stderr  # whatever is printed by what is tested
    running = os.open(asked.running, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + asked.seconds
    made, number, known, growth = None, asked.first, set(), _Growth()
    while number < asked.first + asked.count and time.monotonic() < deadline:
        if made is None or number % ROUND == 0:
            made = material(asked.name, asked.seed, number)
        case = case_of(made, asked.name, asked.seed, number)
        os.pwrite(running, number.to_bytes(NUMBER) + case, 0)
        os.ftruncate(running, NUMBER + len(case))
        found = _observed(made, case, asked.longest) or (growth.found() if number % ROUND == ROUND - 1 else None)
        if found is not None:
            # The input only of the first of each kind: a fault that is met often would fill the pipe.
            told = {"number": number, "kind": found.kind, "text": found.text, "signature": found.signature}
            if found.signature not in known:
                told["case"] = base64.b64encode(case).decode()
                known.add(found.signature)
            findings.write(json.dumps(told) + "\n")
            findings.flush()
        number += 1
    findings.write(json.dumps({"next": number}) + "\n")


def material(name: str, seed: int, number: int) -> Target:
    """The target for the round that a case belongs to."""
    return target(name, Random(f"{seed} {name} round {number // ROUND}"))


def case_of(made: Target, name: str, seed: int, number: int) -> bytes:
    """A case: the same for the same arguments."""
    with capture_logs():
        return made.make_case(Random(f"{seed} {name} {number}"))


def _observed(made: Target, case: bytes, longest: float) -> Finding | None:
    faulthandler.dump_traceback_later(longest, exit=True, file=sys.stderr)
    try:
        return observe(made, case)
    finally:
        faulthandler.cancel_dump_traceback_later()


class _Growth:
    """Compares the memory at the ends of rounds. In the first one, everything is imported and cached."""

    def __init__(self) -> None:
        self._first: int | None = None

    def found(self) -> Finding | None:
        now = resident()
        if self._first is None:
            self._first = now
        grown = now - self._first
        if grown <= MOST_GROWTH:
            return None
        self._first = now
        return Finding("memory", f"{grown >> 20} MiB more than after the first {ROUND} cases", "memory growth")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
