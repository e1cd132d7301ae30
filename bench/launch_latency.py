"""Benchmark: time until a pod runs on a real Mesos with an idle framework, and where that time goes.

First on a local Mesos with Mesos' default flags for masters, then on one with the flags that `make run` sets. Every
launch starts while the framework is suppressed and no executor runs. The times come from the logs of master and agent,
which have microseconds, and from the kernel, which reports when the executor's program was started. With --beside, each
launch on the first cluster is followed by one of the same pod on the baseline's executor, by a scheduler of its own.
"""

import argparse
import contextlib
import itertools
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from datetime import datetime
from statistics import median

from bench.execs import Execs
from bench.executor_memory import executor_containers, wait_until
from bench.local import local_cluster, local_scheduler, scheduler_on
from bench.naive_executor import write_program
from bench.report import Beside, Report, Wanted, percentile
from bench.workload import CONTAINERS, pod
from scheduler.cli.local import LocalScheduler, build_executor, local_executor

NAME = "launch"
HELP = "time from the request until all containers run, on a real Mesos"

# None: Mesos' own defaults; local Mesos sets shorter times otherwise.
_MASTER_FLAGS = dict.fromkeys(("allocation_interval", "agent_ping_timeout", "max_agent_ping_timeouts"))
_NAIVE, _ZIPAPP = "naive", "zipapp"
# Goals:
_SECONDS, _SECONDS_AS_RUN = 0.5, 0.3  # from POST
_SECONDS_FROM_ACCEPT, _TIMES_NAIVE = 0.15, 1.0
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

    @property
    def from_accept(self) -> float:
        """Seconds from ACCEPT until the master forwards that the last container runs."""
        return math.fsum((self.agent, self.executor, self.containers))


PHASES = tuple(Launch.__dataclass_fields__)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--runs", type=int, default=20, metavar="N", help="pods on each cluster, one after the other (default: 20)"
    )
    parser.add_argument(
        "--beside",
        choices=(_NAIVE, _ZIPAPP),
        help="compare with a plain executor on pymesos, or with the zipapp, launch by launch",
    )
    parser.add_argument(
        "--cfs",
        action="store_true",
        help="limit CPU time to what pods request on the first cluster, as agents of DC/OS do",
    )


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goals."""
    report = Report(say)
    report.begin()
    agent_flags = {"cgroups_enable_cfs": True} if options.cfs else {}
    with local_cluster(say, _MASTER_FLAGS, agent_flags) as (cluster, folder), contextlib.ExitStack() as stack:
        ours = stack.enter_context(scheduler_on(cluster, folder, local_executor(folder)))
        schedulers = [ours]
        if options.beside is not None:
            naive = options.beside == _NAIVE
            program = write_program(folder / "naive.py") if naive else build_executor(folder / "beside.pyz")
            schedulers.append(stack.enter_context(scheduler_on(cluster, folder, program, options.beside)))
        launches = measure_in_turn(schedulers, options.runs)
    for name, measured in zip(("podexec's executor", f"the {options.beside} executor"), launches, strict=False):
        _say_phases(name, measured, say)
    with local_scheduler(say) as scheduler:
        as_run = measure(scheduler, options.runs)
    _say_phases("podexec's executor, with the flags of make run", as_run, say)
    summarise(launches, as_run, report, options.beside or _NAIVE)
    report.conclude()


def summarise(launches: list[list[Launch]], as_run: list[Launch], report: Report, baseline_name: str = _NAIVE) -> None:
    """Add the results to the report. ``launches``: with podexec's executor, and with the baseline's if it was asked."""
    ours, *others = launches
    running = f"{len(CONTAINERS)} containers running"
    from_accept = _milliseconds(ours, "from_accept")
    report.add(f"ACCEPT to {running}", "ms", from_accept, wanted=Wanted(1000 * _SECONDS_FROM_ACCEPT, at_most=True))
    for baseline in others:
        beside = Beside(f"{baseline_name} executor", _milliseconds(baseline, "from_accept"))
        wanted = Wanted(_TIMES_NAIVE, at_most=True, is_ratio=True)
        report.add(f"ACCEPT to {running}", "ms", from_accept, beside, wanted)
    for what, measured, seconds in (
        (f"POST to {running}, Mesos' default flags of masters", ours, _SECONDS),
        (f"POST to {running}, as make run", as_run, _SECONDS_AS_RUN),
    ):
        report.add(what, "ms", _milliseconds(measured, "total"), wanted=Wanted(1000 * seconds, at_most=True))


def measure(scheduler: LocalScheduler, runs: int) -> list[Launch]:
    """Launch this many pods, one after the other; each is removed before the next."""
    return measure_in_turn([scheduler], runs)[0]


def measure_in_turn(schedulers: list[LocalScheduler], runs: int) -> list[list[Launch]]:
    """Launch this many pods with each scheduler, one pod at a time and the schedulers in turn.

    The first launch of each is not measured: it reads the executor's files from the disk.
    """
    launches: list[list[Launch]] = [[] for _ in schedulers]
    with Execs(*(str(scheduler.executor) for scheduler in schedulers)) as execs:
        for number in range(-1, runs):
            for scheduler, measured in zip(schedulers, launches, strict=True):
                launch = _launch_one(scheduler, f"/latency/{number + 1}", execs)
                if number >= 0:
                    measured.append(launch)
    return launches


def _milliseconds(launches: list[Launch], name: str) -> tuple[float, ...]:
    return tuple(1000 * getattr(launch, name) for launch in launches)


def _say_phases(title: str, launches: list[Launch], say: Callable[[str], None]) -> None:
    say(title)
    for phase in (*PHASES, "from_accept", "total"):
        found = _milliseconds(launches, phase)
        say(f"  {phase:<11} median {median(found):6.1f} ms, p95 {percentile(found, 95):6.1f} ms")


def _launch_one(scheduler: LocalScheduler, pod_id: str, execs: Execs) -> Launch:
    logs = _Logs(scheduler, pod_id)
    wait_until(logs.is_idle, "no role asks for offers")
    time.sleep(_REST_SECONDS)
    posted = time.time()
    scheduler.client.add(pod(pod_id, 1))
    wait_until(logs.is_known_to_run, f"{pod_id} runs")
    launch = logs.launch(posted, execs)
    scheduler.client.remove(pod_id)
    wait_until(lambda: not executor_containers(scheduler.cluster, pod_id), f"{pod_id} is gone")
    return launch


class _Logs:
    """The lines about a scheduler and one of its pods in the logs of master and agents."""

    def __init__(self, scheduler: LocalScheduler, pod_id: str) -> None:
        self._cluster = scheduler.cluster
        self._program = str(scheduler.executor)  # run by Python or, if it is static, on its own
        self._framework = str(scheduler.client.info()["frameworkId"])
        self._pod = pod_id.strip("/").replace("/", "_") + "."

    def is_idle(self) -> bool:
        """Whether the scheduler's last call about offers was SUPPRESS."""
        said = [text for _, text in self._master() if "Processing REVIVE" in text or "Processing SUPPRESS" in text]
        return bool(said) and "SUPPRESS" in said[-1]

    def is_known_to_run(self) -> bool:
        """Whether every container runs, and the scheduler has acknowledged every status."""
        told = [text for _, text in self._master() if self._pod in text]
        running = sum("Forwarding status update TASK_RUNNING" in text for text in told)
        statuses = sum("Forwarding status update " in text for text in told)
        acknowledged = sum("Processing ACKNOWLEDGE call" in text for text in told)
        return running >= len(CONTAINERS) and acknowledged >= statuses

    def launch(self, posted: float, execs: Execs) -> Launch:
        """The phases of the launch of a pod that runs now."""
        master = [each for each in self._master() if each[0] >= posted]
        agents = [each for each in self._agents() if each[0] >= posted]
        revived = _times(master, "Processing REVIVE call")[0]
        accepted = _times(master, "Processing ACCEPT call for offers: [ ")[0]
        offer_id = next(text for at, text in master if at == accepted).partition("offers: [ ")[2].split(" ")[0]
        offered = _times(master, "Sending offers [", offer_id)[0]
        subscribed = _times(agents, "Received Subscribe request for HTTP executor", self._pod)[0]
        started = [at for at, words in execs.between(accepted, subscribed) if self._program in words][-1]
        running = _times(master, "Forwarding status update TASK_RUNNING", self._pod)[-1]
        acknowledged = _times(master, "Processing ACKNOWLEDGE call", self._pod)[-1]
        times = (posted, revived, offered, accepted, started, subscribed, running, acknowledged)
        return Launch(*(later - earlier for earlier, later in itertools.pairwise(times)))

    def _master(self) -> list[tuple[float, str]]:
        log = _parsed(self._cluster.logs(self._cluster.masters[0].id, _LINES))
        return [each for each in log if self._framework in each[1]]

    def _agents(self) -> list[tuple[float, str]]:
        return [each for agent in self._cluster.agents for each in _parsed(self._cluster.logs(agent.id, _LINES))]


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
