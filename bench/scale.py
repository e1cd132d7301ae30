"""Benchmark: rates, latencies, cost of updates and memory at scale, against a simulated master.

The capacity of the simulated master is measured first; in every run of a fill, a bare pymesos scheduler launches the
same groups and stores nothing. The scheduler is a process of its own with default options and its store on disk.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.folders import folder_of, option_of_folder
from bench.growth import growth
from bench.measurements import Fill, fill, milliseconds, paced
from bench.plan import PEAK_MEMORY, QUICK, Plan
from bench.process import MEGABYTE, Bare, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator
from bench.stores import stores
from bench.workload import CONTAINERS, agent_size, operation_template, pod, pods_an_agent

NAME = "scale"
HELP = "rates, latencies, cost of updates and memory against a simulated master"

_TIMES_CAPACITY, _CAPACITY_FOR = 5.0, 2_000.0  # the master's capacity, and the rate it has to exceed that much
# Goals by size; other sizes have none. Of fills, by agents and instances; a limit of CPU time is in microseconds:
_RATE_BESIDE = {(1_000, 10_000): Wanted(3.0, is_ratio=True)}
_CPU_BESIDE = {
    (1_000, 10_000): Wanted(0.45, at_most=True, is_ratio=True),
    (10_000, 100_000): Wanted(290.0, at_most=True),
}
# Of latencies, by agents, in milliseconds:
_ACCEPT_P99 = {1_000: Wanted(25.0, at_most=True), 10_000: Wanted(100.0, at_most=True)}
_MILLISECONDS, _MICROSECONDS = 1e3, 1e6


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
    plan = QUICK if options.quick else Plan()
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
        _compare(bare, ours, (agents, instances), where, report)


def latency(plan: Plan, folder: Path, report: Report) -> None:
    """Measure offer to ACCEPT below saturation: all agents' offers arrive at once, and one instance is launched.

    Offers are not held: on those that were, an instance is launched as soon as it is asked for.
    """
    for agents in dict.fromkeys(agents for agents, _ in plan.fills):
        where, new = f"{agents:,} agents", folder / f"latency-{agents}"
        with Simulator(agents) as simulator, Scheduler(simulator, new, "--hold-offer-duration", "0") as scheduler:
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


_PARTS: dict[str, Callable[[Plan, Path, Report], None]] = {
    each.__name__: each for each in (capacity, fills, latency, growth, stores)
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


def _compare(bare: list[Fill], ours: list[Fill], size: tuple[int, int], where: str, report: Report) -> None:
    """Add the results of the runs of a fill. ``size``: its agents and instances."""
    rates = tuple(each.rate for each in ours if each.rate)
    bare_rates = tuple(each.rate for each in bare if each.rate)
    is_complete = len(rates) == len(bare_rates) == len(ours)
    report.add(
        f"rate, {where}",
        "pods/s",
        rates if is_complete else (),
        Beside("bare pymesos", bare_rates if is_complete else ()),
        _RATE_BESIDE.get(size),
    )
    report.add(
        f"CPU of a pod, {where}",
        "us",
        [_MICROSECONDS * each.cpu_each for each in ours] if is_complete else (),
        Beside("bare pymesos", tuple(_MICROSECONDS * each.cpu_each for each in bare) if is_complete else ()),
        _CPU_BESIDE.get(size),
    )
    report.add(
        f"peak memory, {where}",
        "MB",
        [each.memory / MEGABYTE for each in ours] if is_complete else (),
        Beside("bare pymesos", tuple(each.memory / MEGABYTE for each in bare) if is_complete else ()),
        PEAK_MEMORY.get(size[1]),
    )


def _pair(text: str) -> tuple[int, int]:
    agents, _, instances = text.partition("x")
    return int(agents), int(instances)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(each) for each in text.split(",")))
