"""Benchmark: what access control adds to a request, with many tokens and rules.

Two schedulers, one without and one with a principals file, are asked the same in turn: the status of a small pod, and a
new pod without instances. One client asks, on a connection that it keeps. Its token is one of many, and the rule that
allows its requests the last one.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from bench.folders import folder_of, option_of_folder
from bench.process import Scheduler
from bench.report import Beside, Report, Wanted
from bench.simulator import Simulator
from bench.workload import agent_size, pod
from scheduler.access import file
from scheduler.access.permissions import Role
from scheduler.access.principals import GROUP, Principals, Rule, Token, User
from scheduler.access.tokens import digest, new_token

NAME = "access"
HELP = "what access control adds to a request, with many tokens and rules"

_RATIO = Wanted(1.10, at_most=True, is_ratio=True)
_AGENTS = 1
_USER = "user-0"
_POD = "/bench/small"
_PATH = f"/v2/pods{_POD}::status"
_GET, _POST = "GET of a pod's status", "POST of a pod"
_MICROSECONDS = 1e6

Costs = dict[str, list[float]]  # CPU seconds of a request, a value for each round


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--tokens", type=int, default=1_000, metavar="N", help="tokens, each of a user (default: 1000)")
    parser.add_argument("--rules", type=int, default=100, metavar="N", help="rules, all for this user (default: 100)")
    parser.add_argument("--requests", type=int, default=1_000, metavar="N", help="of a kind in a round (default: 1000)")
    parser.add_argument("--runs", type=int, default=9, metavar="N", help="rounds (default: 9)")
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goal."""
    report = Report(say)
    with folder_of(options) as folder:
        report.begin(folder)
        summarise(*measure(options, folder), options, report)
    report.conclude()


def measure(options: argparse.Namespace, folder: Path) -> tuple[Costs, Costs]:
    """The costs without and with access control, round by round in turn."""
    principals, token = folder / "principals.json", new_token()
    file.replace(principals, many(options.tokens, options.rules, token))
    size = agent_size(1, _AGENTS)
    with (
        Simulator(_AGENTS, **size) as one,
        Simulator(_AGENTS, **size) as other,
        Scheduler(one, folder / "open") as without,
        Scheduler(other, folder / "restricted", "--principals", str(principals), token=token) as with_rules,
    ):
        found: list[tuple[Scheduler, Costs]] = [(each, {_GET: [], _POST: []}) for each in (without, with_rules)]
        for scheduler, _ in found:
            scheduler.wait_until_subscribed()
            scheduler.post(pod(_POD, 0))
            scheduler.wait_until_quiet()
        for number in range(options.runs):
            for scheduler, costs in found if number % 2 else reversed(found):
                costs[_GET].append(_cpu(scheduler, options.requests, _get))
                costs[_POST].append(_cpu(scheduler, options.requests, _poster(number)))
        return found[0][1], found[1][1]


def many(tokens: int, rules: int, token: str) -> Principals:
    """A file with this many tokens and rules; the one token is that of the first user, whom the last rule is about."""
    users = {
        f"user-{number}": User(groups=("all",), tokens=(Token("default", digest(new_token() if number else token)),))
        for number in range(tokens)
    }
    others = (Rule((GROUP + "all",), (f"/team-{number}/**",), Role.OPERATE) for number in range(rules - 1))
    return Principals(users, (*others, Rule((_USER,), ("/bench/**",), Role.OPERATE)))


def summarise(without: Costs, with_rules: Costs, options: argparse.Namespace, report: Report) -> None:
    """Add the results to the report."""
    for what in (_GET, _POST):
        report.add(
            f"CPU of a {what}, {options.tokens:,} tokens and {options.rules:,} rules",
            "us",
            [_MICROSECONDS * each for each in with_rules[what]],
            Beside("without access control", tuple(_MICROSECONDS * each for each in without[what])),
            _RATIO,
        )


def _poster(number: int) -> Callable[[int, Scheduler], None]:
    return lambda each, scheduler: scheduler.post(pod(f"/bench/{number}-{each}", 0))


def _get(_: int, scheduler: Scheduler) -> None:
    scheduler.api.ask("GET", _PATH)


def _cpu(scheduler: Scheduler, requests: int, ask: Callable[[int, Scheduler], None]) -> float:
    """CPU seconds of the scheduler for each request."""
    before = scheduler.cpu_seconds()
    for each in range(requests):
        ask(each, scheduler)
    return (scheduler.cpu_seconds() - before) / requests
