"""Benchmark: CPU time of an executor that only runs health checks."""

import argparse
import time
from collections.abc import Callable

import psutil

from bench.executor_memory import wait_until
from bench.local import local_scheduler
from bench.report import Report, Wanted
from scheduler.cli.local import LocalScheduler
from scheduler.model.json import Json

NAME = "executor-idle"
HELP = "CPU time of an executor that only runs health checks"

_AT_MOST_PERCENT = 0.1  # of a core
_CONTAINERS = 5
_SETTLE_SECONDS = 5.0
_WATCH_SECONDS = 60.0
_TIMES = {"delaySeconds": 0, "intervalSeconds": 10, "timeoutSeconds": 5}


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
    """Measure a pod of five containers for a minute, each checked every 10 s: over HTTP, then by a command inside."""
    for kind in ("http", "exec"):
        pod_id = f"/idle/{kind}"
        scheduler.client.add(_pod(pod_id, kind))
        wait_until(lambda: scheduler.client.status(pod_id)["status"] == "STABLE", f"{pod_id} is STABLE")  # noqa: B023
        process = _executor(pod_id, str(scheduler.executor))
        time.sleep(_SETTLE_SECONDS)
        before = process.cpu_times()
        time.sleep(_WATCH_SECONDS)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        report.add(
            f"{_CONTAINERS} containers, {kind} health checks",
            "% of a core",
            [100 * used / _WATCH_SECONDS],
            wanted=Wanted(_AT_MOST_PERCENT, at_most=True),
        )
        scheduler.client.remove(pod_id)


def _pod(pod_id: str, kind: str) -> Json:
    containers = []
    for number in range(_CONTAINERS):
        endpoint = {"name": f"p{number}", "hostPort": 0}
        check = {"http": {"endpoint": endpoint["name"]}} if kind == "http" else {"exec": {"command": {"shell": "true"}}}
        container = {
            "name": f"c{number}",
            "resources": {"cpus": 0.1, "mem": 64},
            "exec": {"command": {"shell": f"exec python3 -m http.server $ENDPOINT_P{number}"}},
            "endpoints": [endpoint],
            "healthCheck": check | _TIMES | {"gracePeriodSeconds": 60},
        }
        containers.append(container)
    return {"id": pod_id, "networks": [{"mode": "host"}], "containers": containers}


def _executor(pod_id: str, program: str) -> psutil.Process:
    """The process of the pod's executor itself: neither the init of its container nor a nested container."""
    prefix = f"instance-{pod_id.strip('/').replace('/', '_')}."
    for process in psutil.process_iter():
        try:
            if process.environ().get("MESOS_EXECUTOR_ID", "").startswith(prefix) and program in process.cmdline():
                return process
        except psutil.Error:
            continue
    raise AssertionError(f"{pod_id} has no running executor")
