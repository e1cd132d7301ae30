"""How long a pod takes to run on a real Mesos whose framework was idle, and where the time goes.

A local Mesos with the master's own default flags. Every launch begins when no offers are asked for and no executor
runs. What happened when is read off the logs of the master and the agent, which tell microseconds, and off the kernel,
which tells when the executor's program was started.
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
HELP = "from the request to all containers running, on a real Mesos"

# None: Mesos' own. Local Mesos has flags that make it quick to notice things.
_MASTER_FLAGS = dict.fromkeys(("allocation_interval", "agent_ping_timeout", "max_agent_ping_timeouts"))
_MEDIAN_SECONDS = 0.5
_REST_SECONDS = 1.5  # longer than the allocation interval
_LINES = 2000
_STAMP = re.compile(r"[IWE](\d{4} \d\d:\d\d:\d\d\.\d{6}) ")


@dataclass(frozen=True, slots=True)
class Launch:
    """The seconds of one launch, phase by phase.

    Attributes:
        request: from the POST to the master's hearing of REVIVE: validation, the commit, the call.
        offer: until the master sends an offer.
        decision: until the master hears ACCEPT: matching, the commit, the call.
        agent: until the executor's program is started: sandbox, cgroups, Mesos' launcher.
        executor: until it subscribes with its agent.
        containers: until the master passes on that the last container runs.
        told: until the master hears the acknowledgement of that: it is durable, and the API says so.
    """

    request: float
    offer: float
    decision: float
    agent: float
    executor: float
    containers: float
    told: float

    @property
    def total(self) -> float:
        """From the POST to all containers running, as the scheduler knows it."""
        return math.fsum(astuple(self))


PHASES = tuple(Launch.__dataclass_fields__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The measurement's own options."""
    parser.add_argument("--runs", type=int, default=30, metavar="N", help="pods, one after the other (30)")
    parser.add_argument(
        "--no-cfs", action="store_true", help="without limits of CPU time, as Mesos' agents have by default"
    )


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Measure, print, compare."""
    report = Report(say)
    agent_flags = {"cgroups_enable_cfs": False} if options.no_cfs else {}
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
    """So many pods, one after the other, each gone before the next."""
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
    """What master and agents tell of a scheduler and one of its pods."""

    def __init__(self, scheduler: LocalScheduler, pod_id: str) -> None:
        self._cluster = scheduler.cluster
        self._framework = str(scheduler.client.info()["frameworkId"])
        self._pod = pod_id.strip("/").replace("/", "_") + "."

    def is_idle(self) -> bool:
        """Whether the last that the scheduler said of offers is that it wants none."""
        said = [text for _, text in self._master() if "Processing REVIVE" in text or "Processing SUPPRESS" in text]
        return bool(said) and "SUPPRESS" in said[-1]

    def is_acknowledged(self) -> bool:
        """Whether the scheduler knows of every container's running: it acknowledged two statuses of each."""
        told = [text for _, text in self._master() if "Processing ACKNOWLEDGE call" in text and self._pod in text]
        return len(told) >= 2 * len(CONTAINERS)

    def launch(self, posted: float, execs: Execs) -> Launch:
        """When what happened to a pod that runs."""
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
    """The value that so many hundredths do not exceed."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _parsed(log: str) -> Iterator[tuple[float, str]]:
    """Seconds since the epoch, and the line; glog leaves the year out."""
    year = datetime.now().year
    for line in log.splitlines():
        stamp = _STAMP.match(line)
        if stamp:
            yield datetime.strptime(f"{year}{stamp[1]}", "%Y%m%d %H:%M:%S.%f").timestamp(), line


def _times(log: list[tuple[float, str]], *texts: str) -> list[float]:
    """Of the lines with all of the texts."""
    found = [at for at, line in log if all(text in line for text in texts)]
    if not found:
        raise RuntimeError(f"no line of the log holds {' and '.join(texts)}")
    return found
