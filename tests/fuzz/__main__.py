"""``make fuzz``: runs all targets for a while; the exit code is 1 if something was found."""

import argparse
import os
import random
import sys
from pathlib import Path
from random import Random

from tests.fuzz.runner import Found, explore, repeat
from tests.fuzz.targets import NAMES, target
from tests.fuzz.watch import observe

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "build" / "fuzz"
_LONGEST = 3000  # characters of a finding that are printed; its file has all


def main() -> int:
    """Run, repeat one case, or run the case in a file."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="for all targets together (30)")
    parser.add_argument("--seed", type=int, help="repeats a run; another one each time")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--case", type=int, help="only the case of this number; needs --seed and --only")
    parser.add_argument("--file", type=Path, help="only the case in this file; needs --only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many targets at a time")
    asked = parser.parse_args()
    names = tuple(asked.only or NAMES)
    if asked.file:
        return _run_file(names[0], asked.file)
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    if asked.case is not None:
        findings = repeat(names[0], seed, asked.case)
        for found in findings:
            _say(found, seed)
        return 1 if findings else 0

    _print(f"seed {seed}, {asked.minutes:g} minutes, {asked.jobs} at a time: {', '.join(names)}")
    explored = explore(names, seed, asked.minutes * 60, asked.jobs, lambda each: _say(each, seed))
    for each in explored:
        _print(f"{each.target}: {each.cases} cases, {len(each.findings)} different findings")
    return 1 if any(each.findings for each in explored) else 0


def _run_file(name: str, file: Path) -> int:
    found = observe(target(name, Random(0)), file.read_bytes())
    _print(f"{name}: nothing" if found is None else f"{name}: {found.kind}\n{found.text}")
    return 0 if found is None else 1


def _say(found: Found, seed: int) -> None:
    """Print a finding, and keep its input."""
    kept = ""
    if found.case is not None:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        file = _FOLDER / f"{found.target}-{seed}-{found.number}"
        file.write_bytes(found.case)
        kept = f"\n  input: {os.path.relpath(file, _ROOT)}"
    again = f'make fuzz ARGS="--only {found.target} --seed {seed} --case {found.number}"'
    _print(f"\n{found.target}, case {found.number}: {found.kind}\n{found.text[-_LONGEST:]}{kept}\n  again: {again}\n")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
