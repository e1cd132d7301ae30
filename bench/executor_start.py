"""How long it takes from ACCEPT until every container of a pod is reported RUNNING, the executor's start included."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from bench.executor_memory import executor_containers, wait_until
from scheduler.cli.local import LocalScheduler
from scheduler.model.json import Json

_ROUNDS = 20
_QUIET_SECONDS = 1.0  # between rounds: the agent is idle again


def measure(scheduler: LocalScheduler, say: Callable[[str], None]) -> None:
    """Twenty pods of two containers, one after the other; the scheduler's log has the times."""
    took: list[float] = []
    for number in range(_ROUNDS):
        pod_id = f"/start/{number}"
        scheduler.client.add(_pod(pod_id))
        wait_until(lambda: scheduler.client.status(pod_id)["status"] == "STABLE", f"{pod_id} is STABLE")  # noqa: B023
        took.append(_milliseconds(scheduler.log, pod_id))
        scheduler.client.remove(pod_id)
        wait_until(lambda: not executor_containers(scheduler.cluster, pod_id), f"{pod_id} is gone")  # noqa: B023
        time.sleep(_QUIET_SECONDS)
    say(
        f"ACCEPT to both of 2 containers RUNNING: median {statistics.median(took):.0f} ms, "
        f"fastest {min(took):.0f} ms, slowest {max(took):.0f} ms, of {len(took)}"
    )


def _pod(pod_id: str) -> Json:
    resources = {"cpus": 0.5, "mem": 32}
    containers = [
        {"name": name, "resources": resources, "exec": {"command": {"shell": "exec sleep 1000"}}} for name in ("a", "b")
    ]
    return {"id": pod_id, "containers": containers}


def _milliseconds(log: Path, pod_id: str) -> float:
    times: dict[str, list[float]] = {"launching": [], "task running": []}
    for line in _lines(log):
        if line.get("pod_id") == pod_id and line.get("event") in times:
            times[line["event"]].append(datetime.fromisoformat(line["timestamp"]).timestamp())
    (accepted,), running = times["launching"], times["task running"]
    return 1000 * (max(running) - accepted)


def _lines(log: Path) -> Iterator[Json]:
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            yield json.loads(line)
