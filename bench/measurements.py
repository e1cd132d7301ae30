"""One measurement each: what is done to a running scheduler, and what is read off it and the simulated master."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from statistics import median

from bench.loopback import Loopback
from bench.process import MEGABYTE, Measured, Scheduler
from bench.simulator import Latencies, Simulator, Stats
from bench.workload import CONTAINERS, pod

_POLL_SECONDS = 0.05
_FINE_POLL_SECONDS = 0.002
_POSTERS = 8
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Fill:
    """Launching many instances at once. Seconds count from the request, or for the bare loop from the first offer.

    Attributes:
        launched: of ``instances``, as far as time allowed.
        to_last_launch: until the last group was with the master.
        to_settled: until every task ran and every status was acknowledged; None: not within the time allowed.
        cpu: seconds of it the scheduler used; ``master_cpu`` those of the simulated master.
        memory: the most the scheduler had until then, in bytes.
        group_bytes: of a launched group, in the call.
        accept: from the offers to the calls that used them.
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
        """Pods a second, until the last launch."""
        return self.launched / self.to_last_launch if self.to_last_launch else 0.0

    @property
    def rate(self) -> float | None:
        """Pods a second, until all ran."""
        return None if self.to_settled is None else self.instances / self.to_settled

    def text(self) -> str:
        """For people."""
        ended = (
            "but not all ran within the time allowed"
            if self.to_settled is None
            else f"all running and acknowledged after {self.to_settled:.2f} s ({self.rate:,.0f} pods/s)"
        )
        return (
            f"{self.launched:,} of {self.instances:,} launched after {self.to_last_launch:.2f} s "
            f"({self.launch_rate:,.0f} pods/s), {ended}; CPU: {self.cpu:.1f} s, "
            f"{1e6 * self.cpu / self.instances:,.0f} us a pod, and the master's {self.master_cpu:.1f} s; "
            f"memory at most {megabytes(self.memory)}; {self.group_bytes:,.0f} bytes a group; "
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
    """Have ``instances`` more launched, ``total`` in all, by ``start``; without it, by what is on its way already."""
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
    """One new pod at a time, each when the one before runs and no more offers are asked for.

    Gives the latencies from the offers to the ACCEPT, and the seconds from each request to its launch.
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
    """Status updates of running tasks, ``window`` unacknowledged at a time; microseconds for each."""

    count: int
    acknowledged: int
    window: int
    cpu: float
    wall: float

    def text(self) -> str:
        """For people."""
        return (
            f"{self.acknowledged:,} of {self.count:,} updates, {self.window:,} at a time: {self.cpu:,.0f} us of CPU "
            f"and {self.wall:,.0f} us of time each"
        )


def updates(simulator: Simulator, scheduler: Scheduler, count: int, window: int, patience: float) -> Updates:
    """Have the health of running tasks change, and see what each change costs until it is acknowledged.

    The least of a few rounds: other programs on the machine only add.
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


def post_many(scheduler: Scheduler, pods: int) -> float:
    """Create so many pods of one instance, by several clients at once. Gives the seconds that took."""
    numbers = iter(range(pods))
    lock = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        api = Loopback(scheduler.port)
        try:
            while not errors:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                api.ask("POST", "/v2/pods", pod(f"/many/{number}", 1))
        except (OSError, HTTPException) as error:
            errors.append(error)
        finally:
            api.close()

    posters = [threading.Thread(target=work) for _ in range(_POSTERS)]
    began = time.monotonic()
    for poster in posters:
        poster.start()
    for poster in posters:
        poster.join()
    if errors:
        raise errors[0]
    return time.monotonic() - began


def status_of_all(scheduler: Scheduler, repeats: int = 5) -> tuple[int, float, int]:
    """Ask for the status of every pod. Gives how many there are, the median of the seconds, and the bytes."""
    seconds, answer = [], b"[]"
    for _ in range(repeats):
        began = time.monotonic()
        answer = scheduler.api.ask("GET", "/v2/pods::status")
        seconds.append(time.monotonic() - began)
    return len(json.loads(answer)), median(seconds), len(answer)


def wait(
    simulator: Simulator,
    process: Measured,
    done: Callable[[Stats], bool],
    patience: float,
    poll: float = _POLL_SECONDS,
) -> Stats:
    """What the master saw as soon as it is enough, or when patience, in seconds, has run out."""
    deadline = time.monotonic() + patience
    while not done(stats := simulator.stats()) and time.monotonic() < deadline:
        process.check()
        time.sleep(poll)
    if stats.problems:
        raise RuntimeError(f"the scheduler made mistakes: {dict(stats.problems)}")
    return stats


def answer_times(scheduler: Scheduler, meanwhile: Callable[[], None]) -> list[float]:
    """Seconds that requests took, one after the other, until ``meanwhile`` returned."""
    waiting = threading.Thread(target=meanwhile)
    waiting.start()
    times = []
    while waiting.is_alive():
        began = time.perf_counter()
        scheduler.api.ask("GET", "/v2/pods")
        times.append(time.perf_counter() - began)
        time.sleep(_FINE_POLL_SECONDS)
    waiting.join()
    return times


def milliseconds(latencies: Latencies) -> str:
    """For people."""
    if not latencies.count:
        return "none"
    p50, p90, p99, most = (
        f"{1000 * each:,.1f}" for each in (latencies.p50, latencies.p90, latencies.p99, latencies.max)
    )
    return f"p50 {p50} ms, p90 {p90} ms, p99 {p99} ms, most {most} ms ({latencies.count:,})"


def megabytes(size: float) -> str:
    """For people."""
    return f"{size / MEGABYTE:,.0f} MB"
