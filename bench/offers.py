"""Benchmark: very many offers in one event that fit none of the waiting pods, and how long they hold the scheduler.

A simulated master offers all its agents at once as soon as pods wait. Another process asks the API for next to nothing
every few milliseconds, and a timer of the scheduler's own event loop notes when it is late. The baselines: the same
probes before the offers, and the CPU time of bare pymesos, which declines as many offers and answers nobody.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.folders import folder_of, option_of_folder
from bench.measurements import wait
from bench.prober import Prober
from bench.process import Bare, Measured, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator
from bench.workload import pod

NAME = "offers"
HELP = "very many offers in one event that fit nothing, and how long they hold the scheduler"

_HELD_SECONDS = 0.050
_ALONE_SECONDS = 3.0
_TOO_MANY_CPUS = 1000
_PROBED_SHARE = 1.5  # of what probes cost before the offers: more than that is work on offers
_MILLISECONDS, _MICROSECONDS = 1e3, 1e6


@dataclass(frozen=True, slots=True)
class Offers:
    """One flood of offers. All but ``sent`` are in seconds.

    Attributes:
        sent: offers that the master sent until the scheduler was quiet again.
        used: CPU time of the scheduler until then, without what as many probes cost before the offers.
        held: longest hold of its loop, as the loop saw it; ``held_alone`` before the offers.
        held_cpu: the most CPU time of its loop in one hold; ``held_cpu_alone`` before the offers.
        longest: longest probe; ``longest_alone`` before the offers.
        typical: median probe; ``typical_alone`` before the offers.
        bare: CPU time of bare pymesos for each offer.
    """

    sent: int
    used: float
    held: float
    held_alone: float
    held_cpu: float
    held_cpu_alone: float
    longest: float
    longest_alone: float
    typical: float
    typical_alone: float
    bare: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--agents", type=int, default=20_000, metavar="N", help="agents, all offered in one event (default: 20000)"
    )
    parser.add_argument(
        "--pods", type=int, default=5, metavar="N", help="waiting pods, each with other demands (default: 5)"
    )
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs, each from nothing (default: 3)")
    parser.add_argument(
        "--patience", type=float, default=120.0, metavar="SECONDS", help="time limit of each measurement (default: 120)"
    )
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goal."""
    report = Report(say)
    with folder_of(options) as folder:
        report.begin(folder)
        runs = []
        for number in range(options.runs):
            runs.append(measure(options, folder / f"offers-{number}"))
            report.say(
                f"run {number + 1}: {runs[-1].sent:,} offers, loop held {_MILLISECONDS * runs[-1].held:,.0f} ms at most"
            )
    summarise(runs, options, report)
    report.conclude()


def measure(options: argparse.Namespace, folder: Path) -> Offers:
    """Measure once, with a scheduler and masters of its own."""
    folder.mkdir()
    bare = _bare(options, folder)
    with Simulator(options.agents) as simulator, Scheduler(simulator, folder, watched=True) as scheduler:
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        began, used_before = time.monotonic(), scheduler.cpu_seconds()
        with Prober(scheduler.port) as alone:
            time.sleep(_ALONE_SECONDS)
        flooded, used_alone = time.monotonic(), scheduler.cpu_seconds() - used_before
        sent = simulator.stats().offers["sent"]
        with Prober(scheduler.port) as during:
            for number in range(options.pods):
                overhead = {"cpus": _TOO_MANY_CPUS + number, "mem": 32}
                scheduler.post({**pod(f"/large-{number}", 1), "executorResources": overhead})
            wanted, cores = sent + options.agents, _PROBED_SHARE * used_alone / (flooded - began)
            _until_returned(simulator, scheduler, wanted, options.patience, cores)
        used = scheduler.cpu_seconds() - used_before - used_alone
        held, held_alone = scheduler.longest_hold(flooded, time.monotonic()), scheduler.longest_hold(began, flooded)
        return Offers(
            simulator.stats().offers["sent"] - sent,
            max(0.0, used - used_alone * len(during.probes) / len(alone.probes)),
            held.seconds,
            held_alone.seconds,
            held.cpu,
            held_alone.cpu,
            max(during.seconds()),
            max(alone.seconds()),
            median(during.seconds()),
            median(alone.seconds()),
            bare,
        )


def _bare(options: argparse.Namespace, folder: Path) -> float:
    """CPU seconds for each offer of bare pymesos, which launches nothing; its start is that of one with one agent."""
    used, offers = [], []
    for agents in (1, options.agents):
        with Simulator(agents) as simulator, Bare(simulator, 0, folder) as bare:
            _until_returned(simulator, bare, agents, options.patience)
            used.append(bare.cpu_seconds())
            offers.append(simulator.stats().offers["sent"])
    return (used[1] - used[0]) / (offers[1] - offers[0])


def _until_returned(simulator: Simulator, process: Measured, offers: int, patience: float, beside: float = 0.0) -> None:
    """Wait until this many offers were sent in all, and the process has dealt with them.

    ``beside``: cores that it uses for other things.
    """
    seen = wait(simulator, process, lambda stats: stats.offers["sent"] >= offers, patience)
    if seen.offers["sent"] < offers:
        raise RuntimeError(f"the master sent {seen.offers['sent']:,} of {offers:,} offers within {patience:g} s")
    process.wait_until_quiet(beside)


def summarise(runs: list[Offers], options: argparse.Namespace, report: Report) -> None:
    """Add the results of all runs to the report."""
    report.say(f"{options.agents:,} offers in one event, {options.pods} waiting pods that fit none of them")
    held = Wanted(_MILLISECONDS * _HELD_SECONDS, at_most=True)
    for what, name, wanted in (
        ("longest hold, seen by the loop", "held", held),
        ("longest hold, CPU time of the loop", "held_cpu", held),
        ("longest GET /ping meanwhile", "longest", held),
        ("median GET /ping meanwhile", "typical", None),
    ):
        alone = tuple(_MILLISECONDS * getattr(run, f"{name}_alone") for run in runs)
        during = tuple(_MILLISECONDS * getattr(run, name) for run in runs)
        report.add(what, "ms", during, Beside("before the offers", alone), wanted)
    report.add(
        "CPU of an offer",
        "us",
        [_MICROSECONDS * run.used / run.sent for run in runs],
        Beside("bare pymesos", tuple(_MICROSECONDS * run.bare for run in runs)),
    )
    report.add("CPU of everything", "ms", [_MILLISECONDS * run.used for run in runs])
    report.add("offers sent", "offers", [run.sent for run in runs])
