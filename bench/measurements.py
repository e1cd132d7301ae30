"""The measurements of `scale`: what is done to a running scheduler, and what it and the simulated master report."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.process import MEGABYTE, Measured, Scheduler
from bench.simulator import Latencies, Simulator, Stats
from bench.workload import CONTAINERS, pod

_POLL_SECONDS = 0.05
_FINE_POLL_SECONDS = 0.002
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Fill:
    """Result of launching many instances at once. Times are seconds from the request; for the bare loop, from its first
    offer.

    Attributes:
        launched: how many of the ``instances`` were launched within the time limit.
        to_last_launch: until the master had the last group.
        to_settled: until every task ran and every status was acknowledged; None if the time limit came first.
        cpu: CPU seconds of the scheduler; ``master_cpu`` are those of the simulated master.
        memory: the scheduler's peak so far, in bytes.
        group_bytes: size of a launched group in the call.
        accept: latency from the offers to the calls that used them.
    """

    instances: int
    launched: int
    to_last_launch: float
    to_settled: float | None
    cpu: float
    master_cpu: float
    memory: int
    group_bytes: float
    accept: Latencies

    @property
    def launch_rate(self) -> float:
        """Pods per second until the last launch."""
        return self.launched / self.to_last_launch if self.to_last_launch else 0.0

    @property
    def cpu_each(self) -> float:
        """CPU seconds of the scheduler per pod."""
        return self.cpu / self.instances

    @property
    def rate(self) -> float | None:
        """Pods per second until all ran; None if the time limit came first."""
        return None if self.to_settled is None else self.instances / self.to_settled

    def text(self) -> str:
        """A text for people."""
        ended = (
            "but not all ran within the time limit"
            if self.to_settled is None
            else f"all running and acknowledged after {self.to_settled:.2f} s ({self.rate:,.0f} pods/s)"
        )
        return (
            f"{self.launched:,} of {self.instances:,} launched after {self.to_last_launch:.2f} s "
            f"({self.launch_rate:,.0f} pods/s), {ended}; CPU: {self.cpu:.1f} s, "
            f"{1e6 * self.cpu_each:,.0f} us per pod, and {self.master_cpu:.1f} s of the master; "
            f"memory at most {megabytes(self.memory)}; {self.group_bytes:,.0f} bytes per group; "
            f"offer to ACCEPT: {milliseconds(self.accept)}"
        )


def fill(
    simulator: Simulator,
    process: Measured,
    instances: int,
    total: int,
    patience: float,
    start: Callable[[], None] | None = None,
) -> Fill:
    """Measure the launch of ``instances`` more, ``total`` in all. ``start`` triggers it, unless it is in progress."""
    before = simulator.stats()
    cpu = process.cpu_seconds()
    simulator.reset()
    began = time.monotonic()
    if start is not None:
        start()

    def done(stats: Stats) -> bool:
        return stats.launch_groups >= total and stats.running == len(CONTAINERS) * total and stats.is_settled

    stats = wait(simulator, process, done, patience)
    if start is None:
        began = stats.first_offer_at
    launched = stats.launch_groups - before.launch_groups
    return Fill(
        instances,
        launched,
        stats.last_accept_at - began if launched else 0.0,
        stats.last_acknowledged_at - began if done(stats) else None,
        process.cpu_seconds() - cpu,
        stats.cpu_seconds - before.cpu_seconds,
        process.peak_memory(),
        (stats.launch_bytes - before.launch_bytes) / launched if launched else 0.0,
        simulator.latencies()["accept"],
    )


def paced(simulator: Simulator, scheduler: Scheduler, pods: int, patience: float) -> tuple[Latencies, list[float]]:
    """Launch one pod at a time, each after the previous one runs and the scheduler has suppressed offers.

    Returns the latencies from the offers to ACCEPT, and the seconds from each request to its launch.
    """

    def idle(stats: Stats) -> bool:
        return stats.roles_asking == 0 and stats.is_settled and stats.offers["out"] == 0

    stats = wait(simulator, scheduler, idle, patience)
    scheduler.wait_until_quiet()
    simulator.reset()
    to_launch = []
    for number in range(pods):
        wanted = stats.launch_groups + 1
        began = time.monotonic()
        scheduler.post(pod(f"/paced/{number}", 1))
        stats = wait(
            simulator,
            scheduler,
            lambda seen, wanted=wanted: seen.launch_groups == wanted and idle(seen),  # type: ignore[misc]
            patience,
            _FINE_POLL_SECONDS,
        )
        to_launch.append(stats.last_accept_at - began)
    return simulator.latencies()["accept"], to_launch


@dataclass(frozen=True, slots=True)
class Updates:
    """Cost of status updates, ``window`` unacknowledged at a time; times are microseconds per update."""

    count: int
    acknowledged: int
    window: int
    cpu: float
    wall: float

    def text(self) -> str:
        """A text for people."""
        return (
            f"{self.acknowledged:,} of {self.count:,} updates, {self.window:,} at a time: {self.cpu:,.0f} us of CPU "
            f"and {self.wall:,.0f} us of time each"
        )


def updates(simulator: Simulator, scheduler: Scheduler, count: int, window: int, patience: float) -> Updates:
    """Change the health of running tasks, and measure the cost of each change until it is acknowledged.

    Returns the cheapest of a few rounds: other programs on the machine can only add to it.
    """
    rounds = []
    for _ in range(_ROUNDS):
        rounds.append(_updates_once(simulator, scheduler, count, window, patience / _ROUNDS))
        if rounds[-1].acknowledged < count:
            return rounds[-1]
    return min(rounds, key=lambda each: each.cpu)


def _updates_once(simulator: Simulator, scheduler: Scheduler, count: int, window: int, patience: float) -> Updates:
    cpu = scheduler.cpu_seconds()
    simulator.flap(count, window)
    stats = wait(simulator, scheduler, lambda seen: seen.flaps_acknowledged == count, patience)
    acknowledged = stats.flaps_acknowledged
    ended_at = stats.flaps_ended_at or time.monotonic()
    each = 1e6 / max(1, acknowledged)
    return Updates(
        count,
        acknowledged,
        window,
        each * (scheduler.cpu_seconds() - cpu),
        each * (ended_at - stats.flaps_started_at),
    )


def wait(
    simulator: Simulator,
    process: Measured,
    done: Callable[[Stats], bool],
    patience: float,
    poll: float = _POLL_SECONDS,
) -> Stats:
    """Wait until ``done``, or for ``patience`` seconds, and return the master's statistics."""
    deadline = time.monotonic() + patience
    while not done(stats := simulator.stats()) and time.monotonic() < deadline:
        process.check()
        time.sleep(poll)
    if stats.problems:
        raise RuntimeError(f"the scheduler made mistakes: {dict(stats.problems)}")
    return stats


def milliseconds(latencies: Latencies) -> str:
    """A text for people."""
    if not latencies.count:
        return "none"
    p50, p90, p99, most = (
        f"{1000 * each:,.1f}" for each in (latencies.p50, latencies.p90, latencies.p99, latencies.max)
    )
    return f"p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, max {most} ms ({latencies.count:,})"


def megabytes(size: float) -> str:
    """A text for people."""
    return f"{size / MEGABYTE:,.0f} MB"
