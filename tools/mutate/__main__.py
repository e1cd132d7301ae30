"""``python -m tools.mutate``: draws mutants, tries them, and prints those that no test noticed."""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tools.mutate.equivalent import LIST, read
from tools.mutate.mutants import Mutant, mutants
from tools.mutate.trials import Outcome, Trials

_ROOT = Path(__file__).parents[2]
_RATE = 0.95
# The tests at the lowest level, and those of the API, which look at the core's views.
_TESTS = ("tests/core", "tests/executor")
# Nothing is captured: the forks have files of their own. The same examples are tried each time.
_SETTINGS = ("-q", "-s", "--no-header", "--no-summary", "-p", "no:cacheprovider", "--hypothesis-seed=0")
# The pure part of the executor. The others speak to the agent, the kernel or other processes.
_EXECUTOR = [
    "containers",
    "events",
    "findings",
    "health",
    "kills",
    "letgo",
    "machine",
    "ordering",
    "outbox",
    "pod",
    "record",
    "recordio",
    "restarts",
    "status",
    "taskinfo",
    "termination",
    "texts",
    "wire",
]


def _paths() -> list[str]:
    core = (str(each.relative_to(_ROOT)) for each in (_ROOT / "scheduler" / "core").rglob("*.py"))
    return sorted((*core, *(f"podexec/{name}.py" for name in _EXECUTOR)))


def _drawn(found: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """A sample in which a mutant stays when code elsewhere changes."""
    digest = {each: hashlib.sha256("\n".join((str(seed), *each.key)).encode()).digest() for each in found}
    return sorted(digest, key=digest.__getitem__)[:count]


def _say(mutant: Mutant, outcome: Outcome) -> None:
    if not outcome.is_noticed:
        _print(f"\n{mutant.path}:{mutant.line}: {mutant.function}: {outcome.value}\n{mutant.diff}")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Try a sample; returns 1 if too few of it are noticed."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--only", default="", metavar="PATH", help="mutants of files whose path begins so")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    asked = parser.parse_args()

    started = time.monotonic()
    sources = {each: (_ROOT / each).read_text(encoding="utf-8") for each in _paths() if each.startswith(asked.only)}
    everything = [each for path, source in sources.items() for each in mutants(path, source)]
    listed = read(LIST.read_text(encoding="utf-8"))
    sample = _drawn((each for each in everything if each.key not in listed), asked.seed, asked.count)
    trials = Trials(_ROOT, sources, sample, asked.jobs, _say)
    code = pytest.main([*_SETTINGS, *_TESTS], plugins=[trials])
    if code != pytest.ExitCode.OK and len(trials.outcomes) < len(sample):
        return int(code)

    noticed = sum(each.is_noticed for each in trials.outcomes.values())
    minutes = (time.monotonic() - started) / 60
    _print(f"\n{noticed} of {len(sample)} mutants noticed ({noticed / len(sample):.1%}), {minutes:.0f} minutes")
    for key in sorted(listed.keys() - {each.key for each in everything}) if not asked.only else ():
        _print(f"{LIST.name} lists what is no mutant any longer:\n" + "\n".join(key))
    return 0 if noticed >= _RATE * len(sample) else 1


sys.exit(main())
