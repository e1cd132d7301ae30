"""Benchmark: rates, latencies, cost of updates and memory at scale, against a simulated master.

Every run first measures the capacity of the simulated master, and a bare pymesos scheduler that launches the same
groups and stores nothing. The scheduler is a process of its own with default options and its store on disk.
"""

import argparse
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.measurements import (
    Fill,
    Updates,
    answer_times,
    fill,
    megabytes,
    milliseconds,
    paced,
    post_many,
    status_of_all,
    updates,
    wait,
)
from bench.process import MEGABYTE, Bare, Scheduler
from bench.report import Report, machine
from bench.simulator import Simulator
from bench.workload import CONTAINERS, agent_size, operation_template, pod, pods_an_agent

NAME = "scale"
HELP = "rates, latencies, cost of updates and memory against a simulated master"

_RATE, _TIMES_BARE, _TIMES_CAPACITY = 2000.0, 2.0, 5.0
_ACCEPT_SECONDS = 0.050
_GIGABYTE = 1 << 30
_FLAT = 1.3
_DEMANDS, _ALONE_SECONDS = 5, 3.0  # of the flood


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of all parts.

    Attributes:
        fills: (agents, instances) of the fills that compare podexec with bare pymesos.
        sizes: numbers of instances, on ``agents`` agents, at which updates and memory are measured, smallest first.
        updates: updates at each size, ``window`` at a time, and a tenth of them one at a time.
        paced: pods launched one after the other, on the agents of the first fill.
        pods: pods of one instance each, whose status is requested.
        flood: agents whose offers arrive in one event.
        patience: time limit of each measurement in seconds.
    """

    fills: tuple[tuple[int, int], ...] = ((1_000, 10_000), (10_000, 100_000))
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000)
    agents: int = 10_000
    updates: int = 20_000
    window: int = 1_000
    paced: int = 300
    pods: int = 10_000
    flood: int = 20_000
    patience: float = 900.0


_QUICK = Plan(
    fills=((100, 1_000),),
    sizes=(100, 1_000),
    agents=100,
    updates=2_000,
    window=100,
    paced=30,
    pods=200,
    flood=2_000,
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
        ("agents", "agents on which updates and memory are measured"),
        ("updates", "updates to measure at each size"),
        ("window", "unacknowledged updates at a time"),
        ("paced", "pods to launch one after the other"),
        ("pods", "pods whose status is requested"),
        ("flood", "agents whose offers arrive in one event"),
    ):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=meaning)
    parser.add_argument("--patience", type=float, metavar="SECONDS", help="time limit of each measurement")
    parser.add_argument(
        "--folder", type=Path, help="folder for stores and logs, which are kept (default: a temporary folder)"
    )


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the parts, print the results and compare them with the goals."""
    plan = _QUICK if options.quick else Plan()
    asked = {name: value for name in Plan.__dataclass_fields__ if (value := getattr(options, name, None)) is not None}
    plan = replace(plan, **asked)
    if options.fill:
        plan = replace(plan, fills=tuple(options.fill))
    report = Report(say)
    with tempfile.TemporaryDirectory(prefix="podexec-bench-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        say(f"on {machine(folder.absolute())}")
        for part in options.only or _PARTS:
            say(f"== {part}")
            _PARTS[part](plan, folder.absolute(), report)
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
        report.bar(
            f"the simulated master with {agents:,} agents, {instances:,} pods of {len(CONTAINERS)} containers",
            "pods/s",
            rate,
            at_least=_TIMES_CAPACITY * _RATE,
        )


def fills(plan: Plan, folder: Path, report: Report) -> None:
    """Fill the cluster with pods, with bare pymesos and with podexec."""
    for agents, instances in plan.fills:
        where = f"{instances:,} instances on {agents:,} agents"
        bare = _fill_bare(plan, folder, agents, instances)
        report.say(f"bare pymesos, {where}: {bare.text()}")
        ours = _fill_podexec(plan, folder, agents, instances)
        report.say(f"podexec, {where}: {ours.text()}")
        report.bar(f"rate, {where}", "pods/s", ours.rate, at_least=_RATE)
        times = ours.rate / bare.rate if ours.rate and bare.rate else None
        report.bar(f"against bare pymesos, {where}", "times its rate", times, at_least=_TIMES_BARE)


def latency(plan: Plan, folder: Path, report: Report) -> None:
    """Measure offer to ACCEPT below saturation: all agents' offers arrive at once, and one instance is launched."""
    agents = plan.fills[0][0]
    with Simulator(agents) as simulator, _scheduler(simulator, folder, "latency") as scheduler:
        scheduler.wait_until_subscribed()
        accept, to_launch = paced(simulator, scheduler, plan.paced, plan.patience)
    report.say(f"one pod at a time, {agents:,} agents: offer to ACCEPT {milliseconds(accept)}")
    report.say(f"from the request to the launch: median {1000 * median(to_launch):,.1f} ms")
    report.bar(f"p99 from offer to ACCEPT, {agents:,} agents", "ms", 1000 * accept.p99, at_most=1000 * _ACCEPT_SECONDS)


def growth(plan: Plan, folder: Path, report: Report) -> None:
    """Measure the cost of updates and the memory at every size, and a restart at the largest."""
    largest = plan.sizes[-1]
    with Simulator(plan.agents, **agent_size(largest, plan.agents)) as simulator:
        with _scheduler(simulator, folder, "growth") as scheduler:
            costs = _grow(simulator, scheduler, plan, report)
            peak = scheduler.peak_memory() / MEGABYTE
        is_complete = len(costs) == len(plan.sizes)
        if is_complete:
            _restart(simulator, folder, plan, report)
    report.bar(
        f"peak memory at {largest:,} instances",
        "MB",
        peak if is_complete else None,
        at_most=_GIGABYTE / MEGABYTE,
    )
    for index, way in enumerate((f"{plan.window:,} at a time", "one at a time")):
        report.bar(
            f"CPU of an update, {way}, at {largest:,} instances",
            f"times that at {plan.sizes[0]:,}",
            costs[-1][index].cpu / costs[0][index].cpu if is_complete else None,
            at_most=_FLAT,
        )


def status(plan: Plan, folder: Path, report: Report) -> None:
    """Measure GET /v2/pods::status with many pods."""
    with (
        Simulator(1_000, **agent_size(plan.pods, 1_000)) as simulator,
        _scheduler(simulator, folder, "status") as scheduler,
    ):
        scheduler.wait_until_subscribed()
        seconds = 0.0

        def post() -> None:
            nonlocal seconds
            seconds = post_many(scheduler, plan.pods)

        filled = fill(simulator, scheduler, plan.pods, plan.pods, plan.patience, post)
        report.say(f"{plan.pods:,} pods of one instance, created in {seconds:.1f} s ({plan.pods / seconds:,.0f}/s)")
        report.say(filled.text())
        count, median_seconds, size = status_of_all(scheduler)
        report.say(f"GET ::status of {count:,} pods: {1000 * median_seconds:,.0f} ms, {megabytes(size)}")


def flood(plan: Plan, folder: Path, report: Report) -> None:
    """Measure requests while very many offers arrive in one event and fit none of the waiting pods."""
    with Simulator(plan.flood) as simulator, _scheduler(simulator, folder, "flood") as scheduler:
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        alone = answer_times(scheduler, partial(time.sleep, _ALONE_SECONDS))
        for number in range(_DEMANDS):
            scheduler.post({**pod(f"/large-{number}", 1), "executorResources": {"cpus": 1000 + number, "mem": 32}})
        during = answer_times(scheduler, scheduler.wait_until_quiet)
        declined = simulator.stats().offers["declined"]
    for where, times in (
        ("alone", alone),
        (f"during {plan.flood:,} offers in one event and {_DEMANDS} pods that fit none of them", during),
    ):
        report.say(f"requests {where}: median {1000 * median(times):,.1f} ms, max {1000 * max(times):,.1f} ms")
    report.say(f"{declined:,} offers were declined meanwhile")


_PARTS: dict[str, Callable[[Plan, Path, Report], None]] = {
    each.__name__: each for each in (capacity, fills, latency, growth, status, flood)
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
        _scheduler(simulator, folder, f"fill-{instances}") as scheduler,
    ):
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        post = partial(scheduler.post, pod("/bench/fill", instances))
        return fill(simulator, scheduler, instances, instances, plan.patience, post)


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
    before = simulator.stats()
    with _scheduler(simulator, folder, "growth") as scheduler:
        subscribed = scheduler.wait_until_subscribed()
        cpu = scheduler.cpu_seconds()
        scheduler.post(pod("/afterwards", 1))
        wanted = before.launch_groups + 1
        wait(simulator, scheduler, lambda seen: seen.launch_groups == wanted, plan.patience)
        launched = time.monotonic() - scheduler.started_at
        used = scheduler.cpu_seconds()
        report.say(
            f"restart with {size:,} instances: subscribed after {subscribed:.1f} s ({cpu:.1f} s of CPU), a new pod "
            f"launched after {launched:.1f} s ({used:.1f} s of CPU), {megabytes(scheduler.memory())} by then; "
            f"peak {megabytes(scheduler.peak_memory())}"
        )
        scheduler.end(signal.SIGTERM)


def _scheduler(simulator: Simulator, folder: Path, name: str) -> Scheduler:
    place = folder / name
    place.mkdir(exist_ok=True)
    return Scheduler(simulator, place)


def _pair(text: str) -> tuple[int, int]:
    agents, _, instances = text.partition("x")
    return int(agents), int(instances)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(each) for each in text.split(",")))
