"""Benchmark: how long writes wait for another scheduler when the leader abdicates or is told to end.

Three schedulers over one local ZooKeeper server, with instances that run on a simulated master. Each handover is timed
from the request, or the SIGTERM, until another scheduler has acknowledged a write, which is durable then.
"""

import argparse
import itertools
import signal
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

from bench.folders import folder_of, option_of_folder
from bench.report import Report, Wanted
from bench.simulator import Simulator
from tests.ha.stage import LEADER, Node, leader_of, schedulers, wait_for
from tests.zookeeper import Ensemble

NAME = "handover"
HELP = "how long writes wait while another scheduler begins to lead, on a simulated master"

_SCHEDULERS, _AGENTS = 3, 10
_PODS = 20
_WANTED = Wanted(1.0, at_most=True)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--instances", type=int, default=1_000, metavar="N", help="that run meanwhile (default: 1000)")
    parser.add_argument("--runs", type=int, default=20, metavar="N", help="handovers of each kind (default: 20)")
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goal."""
    report = Report(say)
    with (
        folder_of(options) as folder,
        Ensemble(folder / "zookeeper", 1) as ensemble,
        Simulator(_AGENTS, cpus=1000, mem=1_000_000, allocation_interval=0.1) as simulator,
        schedulers(ensemble.url(f"/bench/{uuid4().hex}"), simulator.address, _SCHEDULERS) as nodes,
    ):
        report.begin(folder)
        _fill(leader_of(nodes), options.instances)
        wait_for("the instances run", lambda: simulator.stats().running >= options.instances, seconds=120)
        numbers = itertools.count()
        abdicated = tuple(_handover(nodes, _abdicate, numbers) for _ in range(options.runs))
        ended = tuple(_handover(nodes, _terminate, numbers) for _ in range(options.runs))
    report.add("abdication: until a write is acknowledged", "s", abdicated, wanted=_WANTED)
    report.add("SIGTERM: until a write is acknowledged", "s", ended, wanted=_WANTED)
    report.conclude()


def _fill(leader: Node, instances: int) -> None:
    for number in range(_PODS):
        share = instances // _PODS + (number < instances % _PODS)
        assert leader.post_pod(f"/full/pod-{number}", instances=share).status_code == 201


def _handover(nodes: list[Node], leave: Callable[[Node], None], numbers: Iterator[int]) -> float:
    """Seconds until another scheduler has acknowledged a write."""
    for each in nodes:
        if not each.is_running:
            each.start()
    wait_for("all take part", lambda: len(leader_of(nodes).info_of_podexec()["schedulers"]) == len(nodes))
    leader = leader_of(nodes)
    other = next(each for each in nodes if each is not leader)

    def is_written() -> bool:
        answer = other.post_pod(f"/written/{next(numbers)}")
        return answer.status_code == 201 and answer.headers[LEADER] != leader.url

    began = time.perf_counter()
    leave(leader)
    wait_for("a write", is_written)
    took = time.perf_counter() - began
    if leave is _terminate:
        wait_for("the leader has ended", lambda: not leader.is_running)
    return took


def _abdicate(leader: Node) -> None:
    leader.http.delete("/v2/leader").raise_for_status()


def _terminate(leader: Node) -> None:
    leader.signal(signal.SIGTERM)
