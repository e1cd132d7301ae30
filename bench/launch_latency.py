"""Benchmark: time until a pod runs on a real Mesos with an idle framework, and where that time goes.

It uses a local Mesos with Mesos' default flags for masters. Every launch starts while the framework is suppressed and
no executor runs. The times come from the logs of master and agent, which have microseconds, and from the kernel, which
reports when the executor's program was started.
"""

import argparse
import itertools
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from statistics import median, quantiles

from bench.execs import Execs
from bench.executor_memory import executor_containers, wait_until
from bench.local import local_scheduler
from bench.report import Report
from bench.workload import CONTAINERS, pod
from scheduler.cli.local import LocalScheduler

NAME = "launch-latency"
HELP = "time from the request until all containers run, on a real Mesos"

# None: Mesos' own defaults; local Mesos sets shorter times otherwise.
_MASTER_FLAGS = dict.fromkeys(("allocation_interval", "agent_ping_timeout", "max_agent_ping_timeouts"))
_MEDIAN_SECONDS = 0.5
_REST_SECONDS = 1.5  # longer than the allocation interval
_LINES = 2000
_STAMP = re.compile(r"[IWE](\d{4} \d\d:\d\d:\d\d\.\d{6}) ")


@dataclass(frozen=True, slots=True)
class Launch:
    """Seconds of one launch, by phase.

    Attributes:
        request: from the POST until the master receives REVIVE: validation, the commit, the call.
        offer: until the master sends an offer.
        decision: until the master receives ACCEPT: matching, the commit, the call.
        agent: until the executor's program is started: sandbox, cgroups, Mesos' launcher.
        executor: until it subscribes with its agent.
        containers: until the master forwards that the last container runs.
        reported: until the master receives the acknowledgement: the status is durable, and visible in the API.
    """

    request: float
    offer: float
    decision: float
    agent: float
    executor: float
    containers: float
    reported: float

    @property
    def total(self) -> float:
        """Seconds from the POST until the scheduler knows that all containers run."""
        return math.fsum(astuple(self))


PHASES = tuple(Launch.__dataclass_fields__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--runs", type=int, default=30, metavar="N", help="pods, launched one after the other (default: 30)"
    )
    parser.add_argument("--cfs", action="store_true", help="limit CPU time to what pods request, as agents of DC/OS do")


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goals."""
    report = Report(say)
    agent_flags = {"cgroups_enable_cfs": True} if options.cfs else {}
    with local_scheduler(say, master_flags=_MASTER_FLAGS, agent_flags=agent_flags) as scheduler:
        launches = measure(scheduler, options.runs)
    for phase in (*PHASES, "total"):
        seconds = [getattr(launch, phase) for launch in launches]
        say(f"{phase:<11} median {1000 * median(seconds):6.1f} ms, p95 {1000 * percentile(seconds, 95):6.1f} ms")
    report.bar(
        f"from POST to {len(CONTAINERS)} containers running, median of {len(launches)}",
        "ms",
        1000 * median(launch.total for launch in launches),
        at_most=1000 * _MEDIAN_SECONDS,
    )


def measure(scheduler: LocalScheduler, runs: int) -> list[Launch]:
    """Launch this many pods, one after the other; each is removed before the next."""
    with Execs(str(scheduler.executor)) as execs:
        return [_launch_one(scheduler, f"/latency/{number}", execs) for number in range(runs)]


def _launch_one(scheduler: LocalScheduler, pod_id: str, execs: Execs) -> Launch:
    logs = _Logs(scheduler, pod_id)
    wait_until(logs.is_idle, "no role asks for offers")
    time.sleep(_REST_SECONDS)
    posted = time.time()
    scheduler.client.add(pod(pod_id, 1))
    wait_until(logs.is_acknowledged, f"{pod_id} runs")
    launch = logs.launch(posted, execs)
    scheduler.client.remove(pod_id)
    wait_until(lambda: not executor_containers(scheduler.cluster, pod_id), f"{pod_id} is gone")
    return launch


class _Logs:
    """The lines about a scheduler and one of its pods in the logs of master and agents."""

    def __init__(self, scheduler: LocalScheduler, pod_id: str) -> None:
        self._cluster = scheduler.cluster
        self._framework = str(scheduler.client.info()["frameworkId"])
        self._pod = pod_id.strip("/").replace("/", "_") + "."

    def is_idle(self) -> bool:
        """Whether the scheduler's last call about offers was SUPPRESS."""
        said = [text for _, text in self._master() if "Processing REVIVE" in text or "Processing SUPPRESS" in text]
        return bool(said) and "SUPPRESS" in said[-1]

    def is_acknowledged(self) -> bool:
        """Whether the scheduler knows that every container runs: it acknowledged two statuses of each."""
        told = [text for _, text in self._master() if "Processing ACKNOWLEDGE call" in text and self._pod in text]
        return len(told) >= 2 * len(CONTAINERS)

    def launch(self, posted: float, execs: Execs) -> Launch:
        """The phases of the launch of a pod that runs now."""
        master = [each for each in self._master() if each[0] >= posted]
        agents = [each for each in self._agents() if each[0] >= posted]
        revived = _times(master, "Processing REVIVE call")[0]
        accepted = _times(master, "Processing ACCEPT call for offers: [ ")[0]
        offer_id = next(text for at, text in master if at == accepted).partition("offers: [ ")[2].split(" ")[0]
        offered = _times(master, "Sending offers [", offer_id)[0]
        subscribed = _times(agents, "Received Subscribe request for HTTP executor", self._pod)[0]
        started = [at for at, words in execs.between(accepted, subscribed) if "python" in words[0]][-1]
        running = _times(master, "Forwarding status update TASK_RUNNING", self._pod)[-1]
        acknowledged = _times(master, "Processing ACKNOWLEDGE call", self._pod)[-1]
        times = (posted, revived, offered, accepted, started, subscribed, running, acknowledged)
        return Launch(*(later - earlier for earlier, later in itertools.pairwise(times)))

    def _master(self) -> list[tuple[float, str]]:
        log = _parsed(self._cluster.logs(self._cluster.masters[0].id, _LINES))
        return [each for each in log if self._framework in each[1]]

    def _agents(self) -> list[tuple[float, str]]:
        return [each for agent in self._cluster.agents for each in _parsed(self._cluster.logs(agent.id, _LINES))]


def percentile(values: list[float], percent: int) -> float:
    """The value that ``percent`` percent of the values do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _parsed(log: str) -> Iterator[tuple[float, str]]:
    """Time (seconds since the epoch) and text of each line; glog omits the year."""
    year = datetime.now().year
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if stamp:
            yield datetime.strptime(f"{year}{stamp[1]}", "%Y%m%d %H:%M:%S.%f").timestamp(), line


def _times(log: list[tuple[float, str]], *texts: str) -> list[float]:
    """Times of the lines that contain all of the texts."""
    found = [at for at, line in log if all(text in line for text in texts)]
    if not found:
        raise RuntimeError(f"no line of the log contains {' and '.join(texts)}")
    return found
