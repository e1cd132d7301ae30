"""Output of a benchmark: lines while it runs, and at the end every goal with its result."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Bar:
    """A goal. ``measured`` is None if the measurement was not completed."""

    what: str
    unit: str
    wanted: float
    measured: float | None
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the goal was reached."""
        if self.measured is None:
            return False
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def line(self) -> str:
        """A text for people."""
        shown = "measurement not completed" if self.measured is None else f"{number(self.measured)} {self.unit}"
        wanted = f"{'<=' if self.at_most else '>='} {number(self.wanted)} {self.unit}"
        return f"{'PASS' if self.is_met else 'MISS'}  {self.what}: {shown} (wanted {wanted})"


@dataclass(slots=True)
class Report:
    """Collects goals; ``say`` prints a line."""

    say: Callable[[str], None]
    bars: list[Bar] = field(default_factory=list)

    def bar(self, what: str, unit: str, measured: float | None, *, at_least: float = 0.0, at_most: float = 0.0) -> None:
        """Compare a result with a goal: ``at_least`` or ``at_most``."""
        self.bars.append(Bar(what, unit, at_most or at_least, measured, at_most=bool(at_most)))
        self.say(self.bars[-1].line())

    def conclude(self) -> None:
        """Print all goals with their results."""
        missed = [bar for bar in self.bars if not bar.is_met]
        self.say(f"== {len(self.bars) - len(missed)} of {len(self.bars)} goals reached")
        for bar in self.bars:
            self.say(bar.line())


def number(value: float) -> str:
    """A number with three significant digits and thousands separators."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine(folder: Path) -> str:
    """Description of this machine and its load."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    memory = psutil.virtual_memory().total >> 30
    mounts = [each for each in psutil.disk_partitions(all=True) if folder.is_relative_to(each.mountpoint)]
    disk = max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({model.partition(':')[2].strip() or platform.machine()}), {memory} GiB, "
        f"Linux {platform.release()}, CPython {platform.python_version()}, podexec {version('podexec')}, "
        f"store on {disk}, load before {load}"
    )
