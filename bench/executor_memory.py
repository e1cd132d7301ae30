"""Benchmark: memory charged to the executor's own cgroup, without the cgroups of nested containers."""

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.local import local_scheduler
from bench.report import Report, Wanted
from localmesos import Cluster
from localmesos.commands import cgroups_root
from scheduler.cli.local import LocalScheduler
from scheduler.model.json import Json

NAME = "executor-memory"
HELP = "memory of the executor"

_HIERARCHY = Path("/sys/fs/cgroup/memory")
_CHARGED = ("rss", "cache", "swap")  # local counters of memory.stat; the total_* ones add the nested containers'
_INTERVAL_SECONDS = 0.01
_WATCH_SECONDS = 10.0
_WAIT_SECONDS = 60.0
_PEAK_MEGABYTES = {2: Wanted(15.0, at_most=True), 20: Wanted(16.0, at_most=True)}  # by number of containers
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Charge:
    """Sizes in bytes. ``limit`` applies to the executor and its containers together."""

    peak: int
    last: int
    limit: int
    samples: int


class ChargeMeter:
    """Samples the memory cgroups of a local cluster's containers, and keeps the peak of each."""

    def __init__(self, cluster: Cluster) -> None:
        """Make a meter that does not sample yet."""
        self._parents = [_HIERARCHY / cgroups_root(cluster.state, agent.number) for agent in cluster.agents]
        self._charges: dict[str, Charge] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="charge-meter", daemon=True)

    def __enter__(self) -> "ChargeMeter":
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sampling."""
        self._stop.set()
        self._thread.join()

    def charges(self) -> dict[str, Charge]:
        """Charges by container id."""
        return dict(self._charges)

    def _run(self) -> None:
        while not self._stop.wait(_INTERVAL_SECONDS):
            for parent in self._parents:
                for cgroup in parent.glob("*-*-*-*-*"):
                    self._sample(cgroup)

    def _sample(self, cgroup: Path) -> None:
        try:
            charged = charge_of(cgroup)
            limit = int((cgroup / "memory.limit_in_bytes").read_text())
        except OSError:
            return  # it ended between the listing and the reading
        before = self._charges.get(cgroup.name, Charge(0, 0, 0, 0))
        self._charges[cgroup.name] = Charge(max(before.peak, charged), charged, limit, before.samples + 1)


def charge_of(cgroup: Path) -> int:
    """Bytes charged to a memory cgroup itself, without its children."""
    counters = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    return sum(int(counters.get(name, 0)) for name in _CHARGED)


def add_options(_parser: argparse.ArgumentParser) -> None:
    """Add no options."""


def run(_options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark on a local Mesos."""
    report = Report(say)
    report.begin()
    with local_scheduler(say) as scheduler:
        measure(scheduler, report)
    report.conclude()


def measure(scheduler: LocalScheduler, report: Report) -> None:
    """Measure pods of 2, 5 and 20 containers for ten seconds each; two containers have a command check every 2 s."""
    for count in (2, 5, 20):
        charge = _measure_pod(scheduler, f"/memory/{count}", count)
        peak, last, limit = (size / MEGABYTE for size in (charge.peak, charge.last, charge.limit))
        report.say(
            f"{count} containers: the executor itself uses {last:.1f} MB at the end; "
            f"limit with its containers {limit:.0f} MB ({charge.samples} samples)"
        )
        report.add(f"the executor of {count} containers, peak", "MB", [peak], wanted=_PEAK_MEGABYTES.get(count))


def _measure_pod(scheduler: LocalScheduler, pod_id: str, count: int) -> Charge:
    with ChargeMeter(scheduler.cluster) as meter:
        scheduler.client.add(pod(pod_id, count))
        wait_until(lambda: scheduler.client.status(pod_id)["status"] == "STABLE", f"{pod_id} is STABLE")
        time.sleep(_WATCH_SECONDS)
        (container_id,) = executor_containers(scheduler.cluster, pod_id)
    scheduler.client.remove(pod_id)
    wait_until(lambda: not executor_containers(scheduler.cluster, pod_id), f"{pod_id} is gone")
    return meter.charges()[container_id]


def pod(pod_id: str, count: int) -> Json:
    """A pod of this many sleeping containers."""
    check = {"exec": {"command": {"shell": "true"}}, "delaySeconds": 0, "intervalSeconds": 2, "timeoutSeconds": 1}
    containers = [
        {
            "name": f"c{number}",
            "resources": {"cpus": 0.05, "mem": 32},
            "exec": {"command": {"shell": "exec sleep 1000"}},
            **({"healthCheck": check} if number < 2 else {}),
        }
        for number in range(count)
    ]
    return {"id": pod_id, "containers": containers}


def executor_containers(cluster: Cluster, pod_id: str) -> list[str]:
    """Container ids of a pod's executors."""
    prefix = f"instance-{pod_id.strip('/').replace('/', '_')}."
    states = [httpx2.get(f"http://{agent.address}/state", timeout=10).json() for agent in cluster.agents]
    return [
        executor["container"]
        for state in states
        for framework in state["frameworks"]
        for executor in framework["executors"]
        if executor["id"].startswith(prefix)
    ]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition holds; fail if it does not within a minute."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {_WAIT_SECONDS:g} s")
        time.sleep(0.1)
