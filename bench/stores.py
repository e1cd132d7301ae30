"""The part `stores` of `scale`: the rate of a fill with each durable store, and the size of the state in ZooKeeper."""

from functools import partial
from pathlib import Path

from bench.measurements import Fill, fill
from bench.plan import Plan
from bench.process import MEGABYTE, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator
from bench.workload import agent_size, pod
from tests.zookeeper import Ensemble

_SERVERS = (1, 3)
_HEAP = 1024  # megabytes for each server
# Goals: the rate relative to SQLite's; megabytes of the state, by number of instances.
_RATE = Wanted(0.6, is_ratio=True)
_SIZE = {100_000: Wanted(200.0, at_most=True)}


def stores(plan: Plan, folder: Path, report: Report) -> None:
    """Fill the cluster with pods, with SQLite and with local ZooKeeper servers in turn."""
    for agents, instances in plan.fills:
        where = f"{instances:,} instances on {agents:,} agents"
        rates: dict[str, list[float | None]] = {}
        sizes: dict[str, list[float]] = {}
        for run_number in range(1, plan.runs + 1):
            place = folder / f"stores-{agents}x{instances}-{run_number}"
            place.mkdir(exist_ok=True)
            done = _fill(plan, place / "sqlite", None, (agents, instances))
            report.say(f"SQLite, {where}, run {run_number}: {done.text()}")
            rates.setdefault("SQLite", []).append(done.rate)
            for count in _SERVERS:
                name = f"ZooKeeper, {count} {'server' if count == 1 else 'servers'}"
                with Ensemble(place / f"servers-{count}", count, _HEAP) as ensemble:
                    done = _fill(plan, place / f"zookeeper-{count}", ensemble.url("/podexec"), (agents, instances))
                    sizes.setdefault(name, []).append(ensemble.servers[0].data_bytes() / MEGABYTE)
                report.say(f"{name}, {where}, run {run_number}: {done.text()}, {sizes[name][-1]:,.0f} MB of data")
                rates.setdefault(name, []).append(done.rate)
        _compare(rates, sizes, instances, where, report)


def _fill(plan: Plan, folder: Path, store: str | None, size: tuple[int, int]) -> Fill:
    """``store``: its URL; None: SQLite. ``size``: agents and instances."""
    agents, instances = size
    with (
        Simulator(agents, **agent_size(instances, agents)) as simulator,
        Scheduler(simulator, folder, store=store) as scheduler,
    ):
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        post = partial(scheduler.post, pod("/bench/fill", instances))
        return fill(simulator, scheduler, instances, instances, plan.patience, post)


def _compare(
    rates: dict[str, list[float | None]], sizes: dict[str, list[float]], instances: int, where: str, report: Report
) -> None:
    is_complete = all(all(each) for each in rates.values())
    baseline = Beside("SQLite", _complete(rates["SQLite"]) if is_complete else ())
    for name, found in sizes.items():
        report.add(
            f"rate with {name}, {where}", "pods/s", _complete(rates[name]) if is_complete else (), baseline, _RATE
        )
        report.add(f"data in {name}, {where}", "MB", found if is_complete else (), wanted=_SIZE.get(instances))


def _complete(rates: list[float | None]) -> tuple[float, ...]:
    return tuple(each for each in rates if each)
