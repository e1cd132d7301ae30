"""The API beside the pods themselves, where Mesos takes part: kills, the queue, events, metrics, groups."""

from collections.abc import Callable
from typing import Any

import httpx2

from tests.cluster.support import Json, Scheduler, container

SLEEP = "exec sleep 1000"


def get(scheduler: Scheduler, path: str) -> Any:
    """The JSON of a path."""
    return httpx2.get(f"{scheduler.client.url}{path}", timeout=10).raise_for_status().json()


def test_killed_instances_come_back_and_wiped_ones_are_replaced(scheduler: Scheduler) -> None:
    definition = {"id": "/killed", "containers": [container("one", SLEEP)], "scaling": {"instances": 2}}
    killed, wiped = (each["id"] for each in scheduler.run(definition)["instances"])
    assert [each["instanceId"] for each in scheduler.client.kill("/killed", [killed])] == [killed]
    assert [each["state"]["goal"] for each in scheduler.client.kill("/killed", [wiped], wipe=True)] == ["Running"]

    def both_are_new() -> Json | None:
        status = scheduler.client.status("/killed")
        found = {each["id"]: each["containers"][0].get("containerId", "") for each in status.get("instances", ())}
        settled = status["status"] == "STABLE" and len(found) == 2 and wiped not in found
        return found if settled and found.get(killed, "").endswith(".2") else None

    scheduler.wait("the killed instance's second incarnation beside a new instance", both_are_new)


def test_the_queue_tells_of_real_offers_why_they_do_not_fit(scheduler: Scheduler) -> None:
    agents = len(scheduler.cluster.agents)
    too_big = container("one", SLEEP, resources={"cpus": 1000, "mem": 32})
    scheduler.client.add({"id": "/big", "containers": [too_big]})
    unlike_any = {"fieldName": "hostname", "operator": "CLUSTER", "value": "nowhere"}
    picky = {"placement": {"constraints": [unlike_any]}}
    scheduler.client.add({"id": "/picky", "containers": [container("one", SLEEP)], "scheduling": picky})

    def all_refused() -> dict[str, Json] | None:
        queue = {each["pod"]["id"]: each for each in scheduler.client.queue()}
        seen = [sum(1 for _ in each.get("nearest", ())) for each in queue.values()]
        offers = [each["processedOffersSummary"]["unusedOffersCount"] for each in queue.values()]
        return queue if len(queue) == 2 and all(seen) and min(offers) >= agents else None

    queue = scheduler.wait("every agent's offer was refused by both", all_refused)
    (cpus,) = queue["/big"]["nearest"]
    assert (cpus["reason"], cpus["asked"], cpus["agents"]) == ("InsufficientCpus", "1000.1", agents)
    assert 0 < float(cpus["offered"]) < 1000
    (constraint,) = queue["/picky"]["nearest"]
    assert (constraint["reason"], constraint["agents"]) == ("UnfulfilledConstraint", agents)


def test_a_pods_life_is_told_in_order(scheduler: Scheduler) -> None:
    begin = scheduler.client.events(since=0, patience=5)
    last = max(event.number for event in begin)
    scheduler.run({"id": "/told", "containers": [container("one", SLEEP)]})
    scheduler.remove("/told")
    told = list(scheduler.client.events(since=last, patience=5))
    assert [event.number for event in told] == list(range(last + 1, last + 1 + len(told)))
    of_pod = [each for each in told if "/told" in str(each.data) or each.kind.startswith("pod_")]
    milestones: list[tuple[str, Callable[[Json], bool]]] = [
        ("pod_created_event", lambda data: data["clientIp"] == "127.0.0.1" and data["uri"] == "/v2/pods"),
        ("deployment_info", lambda data: len(data["plan"]["steps"]) == 2),
        ("instance_changed_event", lambda data: data["condition"] == "Provisioned"),
        ("status_update_event", lambda data: data["taskStatus"] == "TASK_RUNNING" and bool(data["host"])),
        ("deployment_success", lambda data: bool(data["id"])),
        ("pod_deleted_event", lambda data: data["uri"] == "/v2/pods/told"),
        ("status_update_event", lambda data: data["taskStatus"] == "TASK_KILLED"),
        ("app_terminated_event", lambda data: data["appId"] == "/told"),
    ]
    rest = iter(of_pod)
    for kind, is_it in milestones:
        assert any(each.kind == kind and is_it(each.data) for each in rest), (kind, [each.kind for each in of_pod])


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
