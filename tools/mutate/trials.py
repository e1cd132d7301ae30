"""A pytest plugin that, once the tests are collected, runs those that reach a mutant in a fork with that mutant."""

import gc
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

import pytest

from tools.mutate.forks import BROKEN, EndOnFailure, Fork, fork, limit_cpu, run
from tools.mutate.live import LiveFunctions
from tools.mutate.mutants import Mutant
from tools.mutate.reach import Reach, measure, read

# CPU seconds that a test of a mutant may need before it counts as one that never ends: more than it needs otherwise.
_AT_LEAST, _TIMES = 5.0, 5.0
# What has one of these fixtures runs a process of its own, where no mutant is.
_PROCESSES = frozenset({"archive", "agent", "cluster"})


class Outcome(Enum):
    """What became of a mutant."""

    NOTICED = "noticed"
    ENDLESS = "noticed, for its tests do not end"
    SURVIVED = "survived"
    UNREACHED = "survived, for no test reaches it"

    @property
    def is_noticed(self) -> bool:
        """Whether a test told it from the original."""
        return self in (Outcome.NOTICED, Outcome.ENDLESS)


@dataclass(slots=True)
class Trials:
    """The plugin; it takes the place of pytest's loop over the tests.

    Attributes:
        root: the tree.
        sources: the text of each file that has mutants, by its path from the root.
        mutants: what to try.
        jobs: how many at a time.
        say: hears of each outcome.
        outcomes: what became of them, filled by the run.
    """

    root: Path
    sources: dict[str, str]
    mutants: list[Mutant]
    jobs: int
    say: Callable[[Mutant, Outcome], None]
    outcomes: dict[Mutant, Outcome] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only the tests that run in this process."""
        items[:] = [each for each in items if not _PROCESSES & set(getattr(each, "fixturenames", ()))]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which tests reach which lines, then try the mutants."""
        if session.testsfailed:
            raise session.Interrupted("tests could not be collected")
        session.config.pluginmanager.register(EndOnFailure())
        functions = LiveFunctions(self.root, self.sources)
        gc.freeze()
        with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
            reach = self._measured(session, Path(folder))
            limits = {each: _AT_LEAST + _TIMES * reach.seconds[each.nodeid] for each in session.items}
            _must_pass(session, fork(partial(_run, _quickest_first(limits)), Path(folder) / "without-mutant"))
            self._try({each.nodeid: each for each in session.items}, limits, functions, reach, Path(folder))
        return True

    def _measured(self, session: pytest.Session, folder: Path) -> Reach:
        sources = sorted(self.sources)
        shares = self._shares(session.items)
        files = [folder / f"reach-{number}" for number in range(len(shares))]
        running = [
            fork(partial(measure, share, self.root, sources, to), folder / f"measure-{to.name}")
            for share, to in zip(shares, files, strict=True)
        ]
        for each in running:
            _must_pass(session, each)
        return read(self.root, sources, files)

    def _shares(self, items: list[pytest.Item]) -> list[list[pytest.Item]]:
        """The tests of a file stay together."""
        files: dict[Path, list[pytest.Item]] = {}
        for each in items:
            files.setdefault(each.path, []).append(each)
        shares: list[list[pytest.Item]] = [[] for _ in range(self.jobs)]
        for of_file in sorted(files.values(), key=len, reverse=True):
            min(shares, key=len).extend(of_file)
        return [each for each in shares if each]

    def _try(
        self,
        items: dict[str, pytest.Item],
        limits: dict[pytest.Item, float],
        functions: LiveFunctions,
        reach: Reach,
        folder: Path,
    ) -> None:
        running: dict[Mutant, Fork] = {}
        for number, mutant in enumerate(self.mutants):
            tests = reach.tests_of(mutant)
            if not tests:
                self._is(mutant, Outcome.UNREACHED)
                continue
            self._reap(running, self.jobs - 1)
            chosen = _quickest_first({items[each]: limits[items[each]] for each in tests})
            running[mutant] = fork(partial(_run, chosen, functions, mutant), folder / f"mutant-{number}")
        self._reap(running, 0)

    def _reap(self, running: dict[Mutant, Fork], most: int) -> None:
        while len(running) > most:
            for mutant, each in list(running.items()):
                code = each.ended()
                if code is not None:
                    del running[mutant]
                    if code == BROKEN:
                        raise RuntimeError(f"{mutant.diff}\n{each.log.read_text(errors='replace')}")
                    self._is(mutant, _outcome(code))
            time.sleep(0.02)

    def _is(self, mutant: Mutant, outcome: Outcome) -> None:
        self.outcomes[mutant] = outcome
        self.say(mutant, outcome)


def _quickest_first(limits: dict[pytest.Item, float]) -> dict[pytest.Item, float]:
    return dict(sorted(limits.items(), key=lambda each: (each[1], each[0].nodeid)))


def _run(
    limits: dict[pytest.Item, float], functions: LiveFunctions | None = None, mutant: Mutant | None = None
) -> None:
    if functions is not None and mutant is not None:
        functions.become(mutant)
    for item in run(limits):
        limit_cpu(limits[item])


def _outcome(code: int) -> Outcome:
    if code < 0:
        return Outcome.ENDLESS
    return Outcome.NOTICED if code else Outcome.SURVIVED


def _must_pass(session: pytest.Session, each: Fork) -> None:
    """Wait for a fork without a mutant."""
    while (code := each.ended()) is None:
        time.sleep(0.1)
    if code:
        raise session.Interrupted(f"tests fail without any mutant:\n{each.log.read_text(errors='replace')}")
