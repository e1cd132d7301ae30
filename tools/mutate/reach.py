"""Which tests reach which lines: all tests run once under coverage.py, each with a context of its own."""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import Coverage, CoverageData

from tools.mutate.forks import run
from tools.mutate.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tests reach which lines.

    Attributes:
        lines: the tests of each line, by path and line.
        seconds: how much CPU time each test needs.
    """

    lines: dict[str, dict[int, frozenset[str]]]
    seconds: dict[str, float]

    def tests_of(self, mutant: Mutant) -> set[str]:
        """The tests that reach a mutant."""
        first, last = mutant.reached_by
        lines = self.lines.get(mutant.path, {})
        return {test for line in range(first, last + 1) for test in lines.get(line, ())}


def measure(items: Iterable[pytest.Item], root: Path, sources: list[str], to: Path) -> None:
    """Run these tests, and write what they reach to files whose names begin with ``to``."""
    coverage = Coverage(str(to), include=[str(root / each) for each in sources], config_file=False)
    seconds: dict[str, float] = {}
    coverage.start()
    begun, test = time.process_time(), ""
    for item in run(items):
        seconds[test] = time.process_time() - begun
        begun, test = time.process_time(), item.nodeid
        coverage.switch_context(test)
    seconds[test] = time.process_time() - begun
    coverage.stop()
    coverage.save()
    to.with_suffix(".json").write_text(json.dumps(seconds))


def read(root: Path, sources: list[str], measured: Iterable[Path]) -> Reach:
    """What several calls of :func:`measure` wrote."""
    lines: dict[str, dict[int, frozenset[str]]] = {each: {} for each in sources}
    seconds: dict[str, float] = {}
    for each in measured:
        data = CoverageData(str(each))
        data.read()
        seconds |= json.loads(each.with_suffix(".json").read_text())
        for source, found in lines.items():
            for line, tests in data.contexts_by_lineno(str(root / source)).items():
                found[line] = found.get(line, frozenset()) | frozenset(filter(None, tests))
    return Reach(lines, seconds)
