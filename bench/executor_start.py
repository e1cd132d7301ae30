"""How long it takes from ACCEPT until every container of a pod is reported RUNNING, the executor's start included."""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import httpx2

from bench.executor_memory import executor_containers, wait_until
from bench.local import local_scheduler
from scheduler.cli.local import LocalScheduler
from scheduler.model.json import Json

NAME = "executor-start"
HELP = "from ACCEPT until the containers of a pod run"

_ROUNDS = 20
_QUIET_SECONDS = 1.0  # between rounds: the agent is idle again
_KINDS = ("instance_changed_event", "status_update_event")


def add_options(_parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Twenty pods of two containers on a local Mesos, one after the other; the event stream has the times."""
    with local_scheduler(say) as scheduler:
        took = [_launch(scheduler, f"/start/{number}") for number in range(_ROUNDS)]
    say(
        f"ACCEPT to both of 2 containers RUNNING: median {statistics.median(took):.0f} ms, "
        f"fastest {min(took):.0f} ms, slowest {max(took):.0f} ms, of {len(took)}"
    )


def _launch(scheduler: LocalScheduler, pod_id: str) -> float:
    """Milliseconds from the decision to launch a pod until its last container was heard to run."""
    with httpx2.stream("GET", f"{scheduler.client.url}/v2/events", params={"event_type": _KINDS}, timeout=60) as stream:
        scheduler.client.add(_pod(pod_id))
        took = _milliseconds(_events(stream, pod_id))
    scheduler.client.remove(pod_id)
    wait_until(lambda: not executor_containers(scheduler.cluster, pod_id), f"{pod_id} is gone")
    time.sleep(_QUIET_SECONDS)
    return took


def _pod(pod_id: str) -> Json:
    resources = {"cpus": 0.5, "mem": 32}
    containers = [
        {"name": name, "resources": resources, "exec": {"command": {"shell": "exec sleep 1000"}}} for name in ("a", "b")
    ]
    return {"id": pod_id, "containers": containers}


def _events(stream: httpx2.Response, pod_id: str) -> Iterator[Json]:
    """What the stream tells of one pod."""
    for line in stream.iter_lines():
        if line.startswith("data:"):
            event: Json = json.loads(line.removeprefix("data:"))
            if pod_id in (event.get("runSpecId"), event.get("appId")):
                yield event


def _milliseconds(events: Iterator[Json]) -> float:
    accepted = 0.0
    running: list[float] = []
    for event in events:
        at = datetime.fromisoformat(event["timestamp"]).timestamp()
        if event.get("condition") == "Provisioned":
            accepted = at
        if event.get("taskStatus") == "TASK_RUNNING":
            running.append(at)
            if len(running) == len(_pod("")["containers"]):
                break
    return 1000 * (max(running) - accepted)
