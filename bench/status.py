"""Benchmark: the status of all pods in one answer, against a simulated master, and how long that holds the scheduler.

Meanwhile another process asks the API for next to nothing every few milliseconds, and a timer of the scheduler's own
event loop notes when it is late. The baselines: encoding the same answer again, from Python's dictionaries, and the
same probes while nothing else is asked.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from bench.clients import Answers, ask
from bench.folders import folder_of, option_of_folder
from bench.measurements import Fill, fill
from bench.prober import Prober
from bench.process import MEGABYTE, Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator
from bench.workload import agent_size, pod

NAME = "status"
HELP = "the status of all pods, and how long it holds the scheduler, against a simulated master"

_SECONDS, _SECONDS_PODS = 1.5, 10_000  # the goal, and the fewest pods that it is about
_HELD_SECONDS = 0.050
_CLIENTS = 8
_MILLISECONDS = 1e3
_PATH = "/v2/pods::status"


@dataclass(frozen=True, slots=True)
class Status:
    """One request for the status of all pods.

    Attributes:
        seconds: until the whole answer.
        cpu: CPU seconds of the scheduler, including those of the probes.
        size: bytes of the answer, for ``pods`` pods.
        encoding: seconds of encoding the answer's contents as JSON, by this process.
        held: seconds of the longest hold of the scheduler's loop, as the loop saw it, and ``held_cpu`` CPU seconds;
            ``held_alone`` and ``held_cpu_alone`` for an interval of the same length without the request.
        longest: seconds of the longest probe meanwhile; ``longest_alone`` without the request.
    """

    seconds: float
    cpu: float
    size: int
    pods: int
    encoding: float
    held: float
    held_alone: float
    held_cpu: float
    held_cpu_alone: float
    longest: float
    longest_alone: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--pods", type=int, default=10_000, metavar="N", help="pods of one instance (default: 10000)")
    parser.add_argument("--agents", type=int, default=1_000, metavar="N", help="simulated agents (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="requests of the status (default: 5)")
    parser.add_argument(
        "--patience",
        type=float,
        default=900.0,
        metavar="SECONDS",
        help="time limit of creating the pods (default: 900)",
    )
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goals."""
    report = Report(say)
    with folder_of(options) as folder:
        report.begin(folder)
        summarise(measure(options, folder / "status", say), report)
    report.conclude()


def measure(options: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> list[Status]:
    """Create the pods, wait until all run, and request their status as often as asked."""
    with (
        Simulator(options.agents, **agent_size(options.pods, options.agents)) as simulator,
        Scheduler(simulator, folder, watched=True) as scheduler,
    ):
        scheduler.wait_until_subscribed()
        say(f"creating {options.pods:,} pods")
        created, filled = create(simulator, scheduler, options.pods, options.patience)
        say(f"{len(created.seconds):,} pods created at {created.rate:,.0f}/s; {filled.text()}")
        if filled.to_settled is None:
            raise RuntimeError(f"{options.pods:,} pods do not run after {options.patience:g} s (see --patience)")
        scheduler.wait_until_quiet()
        runs = []
        for _ in range(options.runs):
            runs.append(_request(scheduler))
            say(_text(runs[-1]))
        return runs


def create(simulator: Simulator, scheduler: Scheduler, pods: int, patience: float) -> tuple[Answers, Fill]:
    """Create this many pods of one instance with several clients at once, and wait until all run."""
    requests = (("POST", "/v2/pods", pod(f"/many/{number}", 1)) for number in range(pods))
    answers: list[Answers] = []

    def post() -> None:
        answers.append(ask(scheduler.port, requests, _CLIENTS, patience))

    filled = fill(simulator, scheduler, pods, pods, patience, post)
    return answers[0], filled


def _request(scheduler: Scheduler) -> Status:
    cpu = scheduler.cpu_seconds()
    with Prober(scheduler.port) as during:
        began = time.monotonic()
        answer = scheduler.api.ask("GET", _PATH)
        ended = time.monotonic()
    used = scheduler.cpu_seconds() - cpu
    with Prober(scheduler.port) as alone:
        idle_from = time.monotonic()
        time.sleep(ended - began)
        idle_to = time.monotonic()
    held, held_alone = scheduler.longest_hold(began, ended), scheduler.longest_hold(idle_from, idle_to)
    content = orjson.loads(answer)
    encoding_from = time.perf_counter()
    orjson.dumps(content)
    encoding = time.perf_counter() - encoding_from
    return Status(
        ended - began,
        used,
        len(answer),
        len(content),
        encoding,
        held.seconds,
        held_alone.seconds,
        held.cpu,
        held_alone.cpu,
        max(during.seconds()),
        max(alone.seconds()),
    )


def summarise(runs: list[Status], report: Report) -> None:
    """Add the results to the report."""
    what = f"GET {_PATH} of {runs[0].pods:,} pods, {runs[0].size / MEGABYTE:.1f} MB"

    def milliseconds(name: str) -> tuple[float, ...]:
        return tuple(_MILLISECONDS * getattr(run, name) for run in runs)

    at_most = partial(Wanted, at_most=True)
    encoding = Beside("encoding it", milliseconds("encoding"))
    wanted = at_most(_MILLISECONDS * _SECONDS) if runs[0].pods >= _SECONDS_PODS else None
    report.add(what, "ms", milliseconds("seconds"), encoding, wanted)
    report.add("CPU of the scheduler meanwhile", "ms", milliseconds("cpu"))
    for title, name in (
        ("longest hold, seen by the loop", "held"),
        ("longest hold, CPU time of the loop", "held_cpu"),
        ("longest GET /ping meanwhile", "longest"),
    ):
        alone = Beside("the same probes alone", milliseconds(f"{name}_alone"))
        report.add(title, "ms", milliseconds(name), alone, at_most(_MILLISECONDS * _HELD_SECONDS))


def _text(run: Status) -> str:
    return (
        f"{run.pods:,} pods, {run.size / MEGABYTE:.1f} MB: {_MILLISECONDS * run.seconds:,.0f} ms, "
        f"loop held {_MILLISECONDS * run.held:,.0f} ms at most"
    )
