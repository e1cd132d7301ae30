"""Benchmark: rates, latencies, cost of updates and memory at scale, against a simulated master.

The capacity of the simulated master is measured first; in every run of a fill, a bare pymesos scheduler launches the
same groups and stores nothing. The scheduler is a process of its own with default options and its store on disk.
"""

import argparse
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.folders import folder_of, option_of_folder
from bench.measurements import Fill, Updates, fill, megabytes, milliseconds, paced, updates, wait
from bench.process import MEGABYTE, Bare, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator, Stats
from bench.workload import CONTAINERS, agent_size, operation_template, pod, pods_an_agent

NAME = "scale"
HELP = "rates, latencies, cost of updates and memory against a simulated master"

_TIMES_CAPACITY, _CAPACITY_FOR = 5.0, 2_000.0  # the master's capacity, and the rate it has to exceed that much
_FLAT = 1.1
_RESTARTED, _RESTART_SECONDS = 100_000, 4.0  # instances, seconds until subscribed
# Goals by size; other sizes have none. Of fills, by instances:
_RATE_BESIDE = {10_000: Wanted(3.0, is_ratio=True)}
_CPU_BESIDE = {10_000: Wanted(0.45, at_most=True, is_ratio=True), 100_000: Wanted(290.0, at_most=True)}
_PEAK_MEMORY = {100_000: Wanted(600.0, at_most=True)}
# Of latencies, by agents:
_ACCEPT_P99 = {1_000: Wanted(25.0, at_most=True), 10_000: Wanted(100.0, at_most=True)}
_MILLISECONDS, _MICROSECONDS = 1e3, 1e6


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


_QUICK = Plan(
    fills=((100, 1_000),),
    sizes=(100, 1_000),
    agents=100,
    updates=2_000,
    window=100,
    paced=30,
    patience=120.0,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--only",
        action="append",
        choices=_PARTS,
        metavar="PART",
        help=f"run only this part ({', '.join(_PARTS)}); repeatable",
    )
    parser.add_argument("--quick", action="store_true", help="small numbers: two minutes instead of an hour")
    parser.add_argument(
        "--fill",
        action="append",
        type=_pair,
        metavar="AGENTSxINSTANCES",
        help="agents and instances of a fill; repeatable",
    )
    parser.add_argument(
        "--sizes", type=_numbers, metavar="N,…", help="numbers of instances at which updates and memory are measured"
    )
    for name, meaning in (
        ("runs", "runs of each fill and of the restart (default: 1)"),
        ("agents", "agents on which updates and memory are measured"),
        ("updates", "updates to measure at each size"),
        ("window", "unacknowledged updates at a time"),
        ("paced", "pods to launch one after the other"),
    ):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=meaning)
    parser.add_argument("--patience", type=float, metavar="SECONDS", help="time limit of each measurement")
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the parts, print the results and compare them with the goals."""
    plan = _QUICK if options.quick else Plan()
    asked = {name: value for name in Plan.__dataclass_fields__ if (value := getattr(options, name, None)) is not None}
    plan = replace(plan, **asked)
    if options.fill:
        plan = replace(plan, fills=tuple(options.fill))
    report = Report(say)
    with folder_of(options) as folder:
        report.begin(folder)
        for part in options.only or _PARTS:
            say(f"== {part}")
            _PARTS[part](plan, folder, report)
    report.conclude()


# ------------------------------------------------------------------------------------------------------------- parts


def capacity(plan: Plan, _folder: Path, report: Report) -> None:
    """Measure the simulated master: a load generator in C++ launches the same groups with pipelined calls."""
    for agents, instances in plan.fills:
        each = pods_an_agent(instances, agents)
        with Simulator(agents, **agent_size(instances, agents)) as simulator:
            rate = simulator.drive(operation_template(), instances, each)
            cpu = simulator.stats().cpu_seconds
        report.say(f"the simulated master used {1e6 * cpu / instances:,.0f} us of CPU per pod")
        report.add(
            f"the simulated master with {agents:,} agents, {instances:,} pods of {len(CONTAINERS)} containers",
            "pods/s",
            [rate],
            wanted=Wanted(_TIMES_CAPACITY * _CAPACITY_FOR),
        )


def fills(plan: Plan, folder: Path, report: Report) -> None:
    """Fill the cluster with pods, with bare pymesos and with podexec in turn."""
    for agents, instances in plan.fills:
        where = f"{instances:,} instances on {agents:,} agents"
        bare, ours = [], []
        for run_number in range(1, plan.runs + 1):
            place = folder / f"fill-{agents}x{instances}-{run_number}"
            bare.append(_fill_bare(plan, place, agents, instances))
            report.say(f"bare pymesos, {where}, run {run_number}: {bare[-1].text()}")
            ours.append(_fill_podexec(plan, place, agents, instances))
            report.say(f"podexec, {where}, run {run_number}: {ours[-1].text()}")
        _compare(bare, ours, instances, where, report)


def latency(plan: Plan, folder: Path, report: Report) -> None:
    """Measure offer to ACCEPT below saturation: all agents' offers arrive at once, and one instance is launched."""
    for agents in dict.fromkeys(agents for agents, _ in plan.fills):
        where = f"{agents:,} agents"
        with Simulator(agents) as simulator, Scheduler(simulator, folder / f"latency-{agents}") as scheduler:
            scheduler.wait_until_subscribed()
            accept, to_launch = paced(simulator, scheduler, plan.paced, plan.patience)
        report.say(f"one pod at a time, {where}: offer to ACCEPT {milliseconds(accept)}")
        report.add(f"from offer to ACCEPT, {where}, p50", "ms", [_MILLISECONDS * accept.p50])
        report.add(
            f"from offer to ACCEPT, {where}, p99",
            "ms",
            [_MILLISECONDS * accept.p99],
            wanted=_ACCEPT_P99.get(agents),
        )
        report.add(f"from POST to launch, {where}, p50", "ms", [_MILLISECONDS * median(to_launch)])


def growth(plan: Plan, folder: Path, report: Report) -> None:
    """Measure the cost of updates and the memory at every size, and restarts at the largest."""
    largest = plan.sizes[-1]
    with Simulator(plan.agents, **agent_size(largest, plan.agents)) as simulator:
        with Scheduler(simulator, folder / "growth") as scheduler:
            costs = _grow(simulator, scheduler, plan, report)
            peak = scheduler.peak_memory() / MEGABYTE
        is_complete = len(costs) == len(plan.sizes)
        if is_complete:
            _restart(simulator, folder / "growth", plan, report)
    report.add(
        f"peak memory at {largest:,} instances, grown to",
        "MB",
        [peak] if is_complete else (),
        wanted=_PEAK_MEMORY.get(largest),
    )
    for index, way in enumerate((f"{plan.window:,} at a time", "one at a time")):
        cheap, dear = ((costs[0][index].cpu, costs[-1][index].cpu)) if is_complete else (0.0, 0.0)
        report.add(
            f"CPU of an update, {way}, at {largest:,} instances",
            "us",
            [dear] if is_complete else (),
            Beside(f"at {plan.sizes[0]:,}", (cheap,) if is_complete else ()),
            Wanted(_FLAT, at_most=True, is_ratio=True),
        )


_PARTS: dict[str, Callable[[Plan, Path, Report], None]] = {
    each.__name__: each for each in (capacity, fills, latency, growth)
}


# ----------------------------------------------------------------------------------------------------------- helpers


def _fill_bare(plan: Plan, folder: Path, agents: int, instances: int) -> Fill:
    with (
        Simulator(agents, **agent_size(instances, agents)) as simulator,
        Bare(simulator, instances, folder) as bare,
    ):
        return fill(simulator, bare, instances, instances, plan.patience)


def _fill_podexec(plan: Plan, folder: Path, agents: int, instances: int) -> Fill:
    with (
        Simulator(agents, **agent_size(instances, agents)) as simulator,
        Scheduler(simulator, folder) as scheduler,
    ):
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        post = partial(scheduler.post, pod("/bench/fill", instances))
        return fill(simulator, scheduler, instances, instances, plan.patience, post)


def _compare(bare: list[Fill], ours: list[Fill], instances: int, where: str, report: Report) -> None:
    """Add the results of the runs of a fill."""
    rates = tuple(each.rate for each in ours if each.rate)
    bare_rates = tuple(each.rate for each in bare if each.rate)
    is_complete = len(rates) == len(bare_rates) == len(ours)
    report.add(
        f"rate, {where}",
        "pods/s",
        rates if is_complete else (),
        Beside("bare pymesos", bare_rates if is_complete else ()),
        _RATE_BESIDE.get(instances),
    )
    report.add(
        f"CPU of a pod, {where}",
        "us",
        [_MICROSECONDS * each.cpu_each for each in ours] if is_complete else (),
        Beside("bare pymesos", tuple(_MICROSECONDS * each.cpu_each for each in bare) if is_complete else ()),
        _CPU_BESIDE.get(instances),
    )
    report.add(
        f"peak memory, {where}",
        "MB",
        [each.memory / MEGABYTE for each in ours] if is_complete else (),
        Beside("bare pymesos", tuple(each.memory / MEGABYTE for each in bare) if is_complete else ()),
        _PEAK_MEMORY.get(instances),
    )


def _grow(simulator: Simulator, scheduler: Scheduler, plan: Plan, report: Report) -> list[tuple[Updates, Updates]]:
    """Scale one pod up step by step. Returns the cost of updates, many and one at a time, at each size it reached."""
    scheduler.wait_until_subscribed()
    scheduler.wait_until_quiet()
    empty = scheduler.memory()
    report.say(f"no instance: {megabytes(empty)}")
    costs: list[tuple[Updates, Updates]] = []
    reached = 0
    for size in plan.sizes:
        change = partial(scheduler.put if reached else scheduler.post, pod("/growth", size))
        filled = fill(simulator, scheduler, size - reached, size, plan.patience, change)
        report.say(f"{size:,} instances: {filled.text()}")
        if filled.to_settled is None:
            break
        reached = size
        costs.append(_updates_at(size, simulator, scheduler, plan, report))
        _report_memory(size, scheduler, empty, report)
    return costs


def _updates_at(
    size: int, simulator: Simulator, scheduler: Scheduler, plan: Plan, report: Report
) -> tuple[Updates, Updates]:
    many = updates(simulator, scheduler, plan.updates, plan.window, plan.patience)
    single = updates(simulator, scheduler, plan.updates // 10, 1, plan.patience)
    for each in (many, single):
        report.say(f"{size:,} instances: {each.text()}")
    return many, single


def _report_memory(size: int, scheduler: Scheduler, empty: int, report: Report) -> None:
    now = scheduler.memory()
    report.say(
        f"{size:,} instances: {megabytes(now)}, {(now - empty) / MEGABYTE * 1000 / size:,.2f} MB per 1,000; "
        f"peak {megabytes(scheduler.peak_memory())}"
    )


def _restart(simulator: Simulator, folder: Path, plan: Plan, report: Report) -> None:
    """Restart on the store of a killed scheduler, and measure until it is subscribed and has launched a new pod."""
    size = plan.sizes[-1]
    to_subscribed, to_launch, memory = [], [], []
    for number in range(plan.runs):
        wanted = simulator.stats().launch_groups + 1
        with Scheduler(simulator, folder) as scheduler:
            to_subscribed.append(scheduler.wait_until_subscribed())
            cpu = scheduler.cpu_seconds()
            scheduler.post(pod(f"/afterwards-{number}", 1))
            wait(simulator, scheduler, partial(_has_launched, wanted), plan.patience)
            to_launch.append(time.monotonic() - scheduler.started_at)
            memory.append(scheduler.peak_memory() / MEGABYTE)
            report.say(
                f"restart with {size:,} instances: subscribed after {to_subscribed[-1]:.1f} s ({cpu:.1f} s of CPU), "
                f"a new pod launched after {to_launch[-1]:.1f} s ({scheduler.cpu_seconds():.1f} s of CPU), "
                f"{megabytes(scheduler.memory())} by then"
            )
            scheduler.end(signal.SIGKILL if number + 1 < plan.runs else signal.SIGTERM)
    what = f"restart with {size:,} instances"
    wanted_seconds = Wanted(_RESTART_SECONDS, at_most=True) if size == _RESTARTED else None
    report.add(f"{what}: subscribed", "s", to_subscribed, wanted=wanted_seconds)
    report.add(f"{what}: a new pod launched", "s", to_launch)
    report.add(f"{what}: peak memory", "MB", memory)


def _has_launched(groups: int, seen: Stats) -> bool:
    return seen.launch_groups >= groups


def _pair(text: str) -> tuple[int, int]:
    agents, _, instances = text.partition("x")
    return int(agents), int(instances)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(each) for each in text.split(",")))
