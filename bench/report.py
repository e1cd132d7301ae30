"""Output of a benchmark: lines while it runs, and at the end a table of every result beside its baseline and goal.

A result has one value per run. Where it has a baseline, that was measured in the same runs, each time just before or
after, so that both met the same load; the ratio is the median of the runs' own ratios.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

import psutil

_WATCH_SECONDS = 1.0
_IDLE_PERCENT = 10.0  # of all cores; above it, rates and durations are those of a loaded machine
_COLUMNS = ("", "measured", "median", "spread", "runs", "baseline", "ratio", "wanted")
_NUMERIC = ("median", "runs", "ratio")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A goal: a limit of the median or, with ``is_ratio``, of the ratio to the baseline."""

    limit: float
    at_most: bool = False
    is_ratio: bool = False

    def is_met_by(self, value: float) -> bool:
        """Whether a value reaches the goal."""
        return value <= self.limit if self.at_most else value >= self.limit

    def text(self, unit: str) -> str:
        """A text for people."""
        return f"{'<=' if self.at_most else '>='} {number(self.limit)} {'times' if self.is_ratio else unit}"


@dataclass(frozen=True, slots=True)
class Beside:
    """A baseline and its value in each run, in the unit and order of the result's."""

    what: str
    runs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured, with one value per run; without any, the measurement was not completed."""

    what: str
    unit: str
    runs: tuple[float, ...]
    beside: Beside | None = None
    wanted: Wanted | None = None

    @property
    def ratio(self) -> float | None:
        """The median ratio to the baseline, or None without one or if either was not completed."""
        if self.beside is None or not self.runs or not all(self.beside.runs):
            return None
        return median(ours / theirs for ours, theirs in zip(self.runs, self.beside.runs, strict=True))

    @property
    def is_met(self) -> bool:
        """Whether the goal was reached; True without a goal."""
        if self.wanted is None:
            return True
        value = self.ratio if self.wanted.is_ratio else median(self.runs) if self.runs else None
        return value is not None and self.wanted.is_met_by(value)

    def cells(self) -> dict[str, str]:
        """Its row of the table, by column."""
        ratio = self.ratio
        return {
            "": "" if self.wanted is None else "PASS" if self.is_met else "MISS",
            "measured": self.what,
            "median": f"{number(median(self.runs))} {self.unit}" if self.runs else "not completed",
            "spread": _spread(self.runs),
            "runs": str(len(self.runs)),
            "baseline": self._baseline(),
            "ratio": "" if ratio is None else number(ratio),
            "wanted": "" if self.wanted is None else self.wanted.text(self.unit),
        }

    def line(self) -> str:
        """A text for people, while the benchmark runs."""
        cells = {name: text for name, text in self.cells().items() if text}
        parts = [f"{cells.pop('', '')}  {cells.pop('measured')}: {cells.pop('median')}".lstrip()]
        parts += [f"{name} {text}" for name, text in cells.items() if name != "runs"]
        return ", ".join(parts)

    def _baseline(self) -> str:
        if self.beside is None:
            return ""
        if not self.beside.runs:
            return f"{self.beside.what}: not completed"
        return f"{self.beside.what}: {number(median(self.beside.runs))} {self.unit}"


@dataclass(slots=True)
class Report:
    """Collects results; ``say`` prints a line."""

    say: Callable[[str], None]
    results: list[Result] = field(default_factory=list)
    _began: str = ""

    def begin(self, folder: Path | None = None) -> None:
        """Print the machine and its load, and warn if it is not idle. ``folder`` is where a scheduler's store is."""
        self.say(f"on {machine((folder or Path(tempfile.gettempdir())).absolute())}")
        busy = psutil.cpu_percent(_WATCH_SECONDS)
        self._began = f"load at the start {os.getloadavg()[0]:.1f}, {busy:.0f} % of all cores used by other programs"
        self.say(self._began)
        if busy > _IDLE_PERCENT:
            self._began += "; WARNING: not idle, so only CPU times and ratios mean something"
            self.say(self._began.partition("; ")[2])

    def add(
        self,
        what: str,
        unit: str,
        runs: Sequence[float],
        beside: Beside | None = None,
        wanted: Wanted | None = None,
    ) -> None:
        """Add a result, and print it."""
        self.results.append(Result(what, unit, tuple(runs), beside, wanted))
        self.say(self.results[-1].line())

    def conclude(self) -> None:
        """Print the table of all results."""
        goals = [result for result in self.results if result.wanted is not None]
        self.say(f"== {sum(result.is_met for result in goals)} of {len(goals)} goals reached")
        rows = [dict(zip(_COLUMNS, _COLUMNS, strict=True)), *(result.cells() for result in self.results)]
        used = [name for name in _COLUMNS if name == "measured" or any(row[name] for row in rows[1:])]
        widths = {name: max(len(row[name]) for row in rows) for name in used}
        for row in rows:
            cells = [
                row[name].rjust(widths[name]) if name in _NUMERIC else row[name].ljust(widths[name]) for name in used
            ]
            self.say("  ".join(cells).rstrip())
        if self._began:
            self.say(self._began)


def number(value: float) -> str:
    """A number with three significant digits and thousands separators."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest of the values that ``percent`` percent of them do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def machine(folder: Path) -> str:
    """Description of this machine."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory = psutil.virtual_memory().total >> 30
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    disk = max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"
    return (
        f"{os.cpu_count()} cores ({model.partition(':')[2].strip() or platform.machine()}), {memory} GiB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}, podexec {version('podexec')}, "
        f"store on {disk}"
    )


def _spread(runs: Sequence[float]) -> str:
    return f"{number(min(runs))} to {number(max(runs))}" if len(runs) > 1 else ""
