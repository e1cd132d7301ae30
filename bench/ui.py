"""Benchmark: the web interface in Debian's Chromium, with many instances on a simulated master.

How long the page of all pods takes to its first row, and to a screenful elsewhere after a jump through the list; what
it loads; and which share of a core the scheduler needs while pages are open and nothing happens. Such a page is an
event stream and no more, so of 50 pages one is the page itself, and 49 are streams that ask for what it asks for.
"""

import argparse
import contextlib
import http.client
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from playwright.sync_api import Browser, Page, sync_playwright

from bench.clients import Answers, ask
from bench.folders import folder_of, option_of_folder
from bench.measurements import fill
from bench.process import Scheduler
from bench.report import Report, Wanted
from bench.simulator import Simulator
from bench.workload import agent_size, pod

NAME = "ui"
HELP = "the web interface with many instances: first row, scrolling, and what open pages cost the scheduler"

_FIRST_ROW_SECONDS, _SCROLL_SECONDS, _IDLE_PERCENT = 1.0, 0.1, 5.0  # the goals
_PAGES = 50
_IDLE_SECONDS = 30.0
_CLIENTS = 8
_MILLISECONDS = 1e3
_KIBIBYTE = 1024
_KINDS = ("instance_changed_event", "instance_health_changed_event", "pod_updated_event", "deployment_info")
# Milliseconds from a jump to a place in the list to the frame in which other rows are there.
_JUMP = """share => new Promise(done => {
    const first = () => document.querySelector(".place:last-child .name a")?.title;
    const before = first(), began = performance.now();
    const look = () => first() !== before ? done(performance.now() - began) : requestAnimationFrame(look);
    scrollTo(0, document.documentElement.scrollHeight * share);
    requestAnimationFrame(look);
})"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One look at the page of all pods: seconds to the first row and for the slowest jump, and bytes it loaded."""

    first_row: float
    jump: float
    scripts: int
    summary: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--pods", type=int, default=500, metavar="N", help="pods (default: 500)")
    parser.add_argument("--instances", type=int, default=20, metavar="N", help="instances of each (default: 20)")
    parser.add_argument("--agents", type=int, default=1_000, metavar="N", help="simulated agents (default: 1000)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="looks at the page (default: 5)")
    parser.add_argument(
        "--patience", type=float, default=600.0, metavar="SECONDS", help="time limit of the launches (default: 600)"
    )
    option_of_folder(parser)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Run the benchmark, print the results and compare them with the goals."""
    report = Report(say)
    count = options.pods * options.instances
    with folder_of(options) as folder:
        report.begin(folder)
        with (
            Simulator(options.agents, **agent_size(count, options.agents)) as simulator,
            Scheduler(simulator, folder / "ui") as scheduler,
            _chromium() as browser,
        ):
            scheduler.wait_until_subscribed()
            say(f"launching {count:,} instances of {options.pods:,} pods")
            _fill(simulator, scheduler, options)
            scheduler.wait_until_quiet()
            looks = [_look(browser, scheduler) for _ in range(options.runs)]
            idle = _idle(browser, scheduler)
    at_most = partial(Wanted, at_most=True)
    what = f"{options.pods:,} pods, {count:,} instances"
    report.add(f"first row: {what}", "ms", _of(looks, "first_row"), None, at_most(_MILLISECONDS * _FIRST_ROW_SECONDS))
    report.add("slowest of 10 jumps", "ms", _of(looks, "jump"), None, at_most(_MILLISECONDS * _SCROLL_SECONDS))
    report.add("scripts and styles, compressed", "KiB", tuple(each.scripts / _KIBIBYTE for each in looks))
    report.add("the summary of all pods, compressed", "KiB", tuple(each.summary / _KIBIBYTE for each in looks))
    report.add(f"scheduler with {_PAGES} idle pages", "% of a core", (100 * idle,), None, at_most(_IDLE_PERCENT))
    report.conclude()


def _of(looks: list[Shown], name: str) -> tuple[float, ...]:
    return tuple(_MILLISECONDS * getattr(each, name) for each in looks)


def _fill(simulator: Simulator, scheduler: Scheduler, options: argparse.Namespace) -> None:
    """Create the pods in groups of twenty, and wait until all instances run."""
    requests = (
        ("POST", "/v2/pods", pod(f"/group-{number // 20:03}/pod-{number:03}", options.instances))
        for number in range(options.pods)
    )
    answers: list[Answers] = []
    count = options.pods * options.instances
    filled = fill(
        simulator,
        scheduler,
        count,
        count,
        options.patience,
        lambda: answers.append(ask(scheduler.port, requests, _CLIENTS, options.patience)),
    )
    if filled.to_settled is None:
        raise RuntimeError(f"{count:,} instances do not run after {options.patience:g} s (see --patience)")


@contextlib.contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        if program is None:
            raise RuntimeError("Chromium is missing: python -P -m localmesos.apt --install --with chromium")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


def _open(browser: Browser, scheduler: Scheduler) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{scheduler.port}/ui/")
    page.locator(".rows .name a").first.wait_for()
    return page


def _look(browser: Browser, scheduler: Scheduler) -> Shown:
    """Open the page with an empty cache, and jump through the list."""
    began = time.monotonic()
    page = _open(browser, scheduler)
    first_row = time.monotonic() - began
    sizes = page.evaluate("performance.getEntriesByType('resource').map(each => [each.name, each.transferSize])")
    jumps = [page.evaluate(_JUMP, (number * 0.37) % 1) for number in range(1, 11)]
    page.context.close()
    return Shown(
        first_row,
        max(jumps) / _MILLISECONDS,
        sum(size for name, size in sizes if "/ui/assets/" in name),
        sum(size for name, size in sizes if "::status" in name),
    )


def _idle(browser: Browser, scheduler: Scheduler) -> float:
    """The share of a core that the scheduler needs with pages open."""
    page = _open(browser, scheduler)
    query = "&".join(f"event_type={kind}" for kind in _KINDS)
    streams = []
    for _ in range(_PAGES - 1):
        connection = http.client.HTTPConnection("127.0.0.1", scheduler.port)
        connection.request("GET", f"/v2/events?{query}", headers={"Accept": "text/event-stream"})
        connection.getresponse()
        streams.append(connection)
    time.sleep(1.0)
    before = scheduler.cpu_seconds()
    time.sleep(_IDLE_SECONDS)
    used = scheduler.cpu_seconds() - before
    for each in streams:
        each.close()
    page.context.close()
    return used / _IDLE_SECONDS
