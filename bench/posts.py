"""Benchmark: how fast pods are created by several clients at once, against a simulated master.

Each client keeps its connection and creates pods of one instance each, while the master offers its agents, launches the
pods and reports them. There are two baselines in each run: as many commits by one thread to an SQLite file beside the
store, each of one row of the definition's size and durable before the next, which is what one client at a time could
reach; and as many answers of the same scheduler, to the same clients, that cost it next to nothing.
"""

import argparse
import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.clients import Answers, ask
from bench.folders import folder_of, option_of_folder
from bench.measurements import wait
from bench.process import Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator, Stats
from bench.workload import CONTAINERS, agent_size, pod

NAME = "posts"
HELP = "pods created by several clients at once, against a simulated master"

_RATE, _RATE_AGENTS = 500.0, 1_000  # the goal, and the fewest agents that it is about
_ROOM = 10  # pods that each agent has room for at least
_MILLISECONDS, _MICROSECONDS = 1e3, 1e6


@dataclass(frozen=True, slots=True)
class Posts:
    """Result of one run.

    Attributes:
        commits: durable commits per second of one thread.
        pings: the cheap answers; ``ping_cpu`` is the scheduler's CPU time of one in seconds.
        posts: the answers to POST; ``post_cpu`` is the scheduler's CPU time of one in seconds, including that of the
            pod's launch and statuses.
        to_settled: seconds from the first POST until all pods ran and all statuses were acknowledged; None if the time
            limit came first.
        offers: offers that the master sent meanwhile.
    """

    commits: float
    pings: Answers
    ping_cpu: float
    posts: Answers
    post_cpu: float
    to_settled: float | None
    offers: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--pods", type=int, default=2_000, metavar="N", help="pods to create in a run (default: 2000)")
    parser.add_argument("--clients", type=int, default=8, metavar="N", help="clients at the same time (default: 8)")
    parser.add_argument("--agents", type=int, default=1_000, metavar="N", help="simulated agents (default: 1000)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs, each from nothing (default: 3)")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="time limit of each measurement in a run (default: 60)"
    )
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goal."""
    report = Report(say)
    with folder_of(options) as folder:
        report.begin(folder)
        runs = []
        for number in range(options.runs):
            runs.append(measure(options, folder / f"posts-{number}"))
            report.say(f"run {number + 1}: {_text(runs[-1])}")
    summarise(runs, options, report)
    report.conclude()


def measure(options: argparse.Namespace, folder: Path) -> Posts:
    """Measure once, with a scheduler and a master of its own."""
    size = agent_size(max(options.pods, _ROOM * options.agents), options.agents)
    with Simulator(options.agents, **size) as simulator, Scheduler(simulator, folder) as scheduler:
        scheduler.wait_until_subscribed()
        scheduler.wait_until_quiet()
        commits = commit_rate(folder / "baseline.db", len(_definition(0)), options.pods, options.seconds)
        cpu = scheduler.cpu_seconds()
        pings = ask(scheduler.port, (("GET", "/ping", None),) * options.pods, options.clients, options.seconds)
        ping_cpu = (scheduler.cpu_seconds() - cpu) / len(pings.seconds)
        cpu, offers, began = scheduler.cpu_seconds(), simulator.stats().offers["sent"], time.monotonic()
        requests = (("POST", "/v2/pods", pod(f"/posts/{number}", 1)) for number in range(options.pods))
        posts = ask(scheduler.port, requests, options.clients, options.seconds)
        created = len(posts.seconds)
        stats = wait(simulator, scheduler, lambda seen: _is_settled(seen, created), options.seconds)
        return Posts(
            commits,
            pings,
            ping_cpu,
            posts,
            (scheduler.cpu_seconds() - cpu) / created,
            stats.last_acknowledged_at - began if _is_settled(stats, created) else None,
            stats.offers["sent"] - offers,
        )


def commit_rate(file: Path, row_bytes: int, count: int, limit: float) -> float:
    """Durable commits per second by one thread, with the settings of podexec's store; for ``limit`` seconds at most."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, value BLOB)")
        began = time.perf_counter()
        done = 0
        while done < count and time.perf_counter() - began < limit:
            connection.execute("INSERT INTO record VALUES (?, ?)", (done, bytes(row_bytes)))
            done += 1
        return done / (time.perf_counter() - began)


def summarise(runs: list[Posts], options: argparse.Namespace, report: Report) -> None:
    """Add the results of all runs to the report."""
    who = f"POST by {options.clients} clients, {options.agents:,} agents"
    rates = [run.posts.rate for run in runs]
    commits = Beside("SQLite commits, one thread", tuple(run.commits for run in runs))
    pings = Beside("GET /ping, same clients", tuple(run.pings.rate for run in runs))
    wanted = Wanted(_RATE) if options.agents >= _RATE_AGENTS else None
    report.add(who, "/s", rates, commits, wanted)
    report.add(who, "/s", rates, pings)
    for name in ("median", "p99"):
        report.add(
            f"answer to POST, {name}",
            "ms",
            [_MILLISECONDS * getattr(run.posts, name) for run in runs],
            Beside("GET /ping", tuple(_MILLISECONDS * getattr(run.pings, name) for run in runs)),
        )
    report.add(
        "CPU of a POST and its launch",
        "us",
        [_MICROSECONDS * run.post_cpu for run in runs],
        Beside("GET /ping", tuple(_MICROSECONDS * run.ping_cpu for run in runs)),
    )
    settled = [len(run.posts.seconds) / run.to_settled for run in runs if run.to_settled]
    report.add("pods created and running", "/s", settled if len(settled) == len(runs) else ())
    report.add("offers sent for each pod", "offers", [run.offers / len(run.posts.seconds) for run in runs])


def _is_settled(seen: Stats, pods: int) -> bool:
    return seen.running == len(CONTAINERS) * pods and seen.is_settled


def _definition(number: int) -> bytes:
    return json.dumps(pod(f"/posts/{number}", 1)).encode()


def _text(run: Posts) -> str:
    settled = "not all running in time" if run.to_settled is None else f"all running after {run.to_settled:.1f} s"
    return (
        f"{len(run.posts.seconds):,} POSTs in {run.posts.elapsed:.1f} s, {settled}; "
        f"{len(run.pings.seconds):,} GETs in {run.pings.elapsed:.1f} s; {run.commits:,.0f} commits/s"
    )
