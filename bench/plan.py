"""The sizes of the parts of `scale`, and the goals that several parts share."""

from dataclasses import dataclass

from bench.report import Wanted

# Megabytes, by number of instances; other numbers have no goal.
PEAK_MEMORY = {100_000: Wanted(600.0, at_most=True)}


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of all parts.

    Attributes:
        runs: of each fill and of the restart; the report has their medians.
        fills: (agents, instances) of the fills that compare podexec with bare pymesos.
        sizes: numbers of instances, on ``agents`` agents, at which updates and memory are measured, smallest first.
        updates: updates at each size, ``window`` at a time, and a tenth of them one at a time.
        paced: pods launched one after the other, on the agents of each fill.
        patience: time limit of each measurement in seconds.
    """

    runs: int = 1
    fills: tuple[tuple[int, int], ...] = ((1_000, 10_000), (10_000, 100_000))
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    agents: int = 10_000
    updates: int = 20_000
    window: int = 1_000
    paced: int = 300
    patience: float = 900.0


QUICK = Plan(
    fills=((100, 1_000),),
    sizes=(100, 1_000),
    agents=100,
    updates=2_000,
    window=100,
    paced=30,
    patience=120.0,
)
