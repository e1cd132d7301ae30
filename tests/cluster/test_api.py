"""Parts of the API that involve Mesos, in addition to test_sequences.py: metrics and groups."""

from typing import Any

import httpx2

from tests.cluster.support import Scheduler, container

SLEEP = "exec sleep 1000"


def get(scheduler: Scheduler, path: str) -> Any:
    """JSON of a path."""
    return httpx2.get(f"{scheduler.client.url}{path}", timeout=10).raise_for_status().json()


def test_metrics_and_groups_show_what_runs(scheduler: Scheduler) -> None:
    before = get(scheduler, "/metrics")["counters"]
    for name in ("a", "b"):
        scheduler.run({"id": f"/grouped/{name}", "containers": [container("one", SLEEP), container("two", SLEEP)]})
    metrics = get(scheduler, "/metrics")
    assert metrics["gauges"]["marathon.instances.running.gauge"]["value"] == 2
    assert metrics["gauges"]["marathon.pods.active.gauge"]["value"] == 2
    grown = {name: metrics["counters"][name]["count"] - before[name]["count"] for name in before}
    assert grown["marathon.tasks.launched.counter"] == 4
    assert grown["marathon.mesos.offer-operations.launch-group.counter"] == 2
    assert grown["marathon.mesos.task-updates.task-running.counter"] >= 4
    assert [pod["id"] for pod in get(scheduler, "/v2/groups/grouped")["pods"]] == ["/grouped/a", "/grouped/b"]
    scheduler.client.remove_group("/grouped")
    scheduler.wait("no executor of the group", lambda: not _of_group(scheduler))
    assert get(scheduler, "/v2/groups")["groups"] == []


def _of_group(scheduler: Scheduler) -> list[str]:
    return [each for each in scheduler.cluster_executors() if each.startswith("instance-grouped_")]
