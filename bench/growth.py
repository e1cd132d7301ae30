"""The part `growth` of `scale`: the cost of updates and the memory at each size, and restarts at the largest."""

import signal
import time
from functools import partial
from pathlib import Path

from bench.measurements import Updates, fill, megabytes, updates, wait
from bench.plan import PEAK_MEMORY, Plan
from bench.process import MEGABYTE, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator, Stats
from bench.workload import agent_size, pod

# Goals: the cost of an update relative to that at the smallest size; seconds until subscribed after a restart.
_FLAT = 1.1
_RESTARTED, _RESTART_SECONDS = 100_000, 4.0


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
        wanted=PEAK_MEMORY.get(largest),
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
