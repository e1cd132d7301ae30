"""Counters, gauges and histograms."""

import pytest

from scheduler.core.effects import Publish
from scheduler.core.events import (
    DeploymentCancelled,
    OffersReceived,
    PodPosted,
    PodPut,
    StatusesUpdated,
    StatusUpdated,
    StreamAttached,
    StreamDetached,
)
from scheduler.core.world import World
from scheduler.model.records import Condition, Goal, Instance, Pod
from scheduler.observe.metrics import Durations, Metrics
from tests.core.support import container, definition, offer, settings, task
from tests.fakes.loop import FakeLoop

V = "2026-01-01T00:00:00.000Z"


def counters(loop: FakeLoop) -> dict[str, float]:
    """Those that are not zero, without their common beginning."""
    return {each.name.removeprefix("marathon."): each.value for each in loop.metrics.counters() if each.value}


def gauges(metrics: Metrics) -> dict[str, float]:
    """All gauges, without their common beginning."""
    return {each.name.removeprefix("marathon."): each.value for each in metrics.gauges()}


def test_what_happens_with_offers_and_tasks_is_counted() -> None:
    loop = FakeLoop()
    two = definition(container("one"), container("two"))
    loop.happens(PodPosted(1, two))
    loop.offers(offer("O1"), offer("O2", "A2", mem=1), offer("O3", "A3", mem=1))
    loop.tell(Condition.RUNNING)
    found = counters(loop)
    expected = {
        "mesos.offers.incoming.counter": 3,
        "mesos.offers.used.counter": 1,
        "mesos.offers.declined.counter": 2,
        "mesos.offer-operations.launch-group.counter": 1,
        "tasks.launched.counter": 2,
        "mesos.task-updates.task-running.counter": 2,
        "mesos.calls.revive.counter": 1,
        "mesos.calls.suppress.counter": 1,
        "deployments.counter": 1,
    }
    assert {name: found.get(name) for name in expected} == expected


def test_the_counters_of_marathons_dashboards_are_there_from_the_beginning() -> None:
    names = {each.name for each in FakeLoop().metrics.counters()}
    assert {
        "marathon.deployments.dismissed.counter",
        "marathon.mesos.offer-operations.launch.counter",
        "marathon.mesos.offer-operations.reserve.counter",
        "marathon.mesos.task-updates.task-failed.counter",
        "marathon.mesos.task-updates.task-gone-by-operator.counter",
    } <= names


@pytest.mark.parametrize("together", [False, True])
def test_a_container_out_of_memory_is_counted(*, together: bool) -> None:
    loop = FakeLoop()
    reason = "REASON_CONTAINER_LIMITATION_MEMORY"
    status = StatusUpdated("t", Condition.FAILED, "A1", None, 0.0, reason=reason)
    loop.happens(StatusesUpdated((status, status)) if together else status)
    expected = 2 if together else 1
    assert counters(loop)["mesos.task.oom.memory-limit-exceeded"] == expected
    assert counters(loop)["mesos.task-updates.task-failed.counter"] == expected


def test_every_deployment_counts_once_and_refused_ones_as_dismissed() -> None:
    loop = FakeLoop(settings(max_running_deployments=2))
    for number, pod_id in enumerate(("/a", "/b", "/c")):
        loop.happens(PodPosted(number, definition(id=pod_id)))
    assert (counters(loop)["deployments.counter"], counters(loop)["deployments.dismissed.counter"]) == (2, 1)
    loop.run_all()
    assert counters(loop)["deployments.counter"] == 2
    loop.happens(PodPut(10, definition(id="/a", instances=2)))
    (running,) = loop.world.deployments
    loop.happens(DeploymentCancelled(11, running))
    assert counters(loop)["deployments.counter"] == 4


def test_the_gauges_show_what_is() -> None:
    loop = FakeLoop()
    loop.happens(PodPosted(1, definition(id="/g/a", instances=3)))
    loop.happens(PodPosted(2, definition(id="/g/h/b", instances=4)))
    loop.offers(offer(cpus=0.2 * 5 + 0.1))
    first, *others = list(loop.world.tasks)
    for task_id, condition in ((first, Condition.RUNNING), (others[0], Condition.STAGING)):
        loop.happens(StatusUpdated(task_id, condition, "A1", None, loop.now))
    loop.happens(StreamAttached("1.2.3.4"))
    loop.happens(StreamAttached("1.2.3.4"))
    loop.happens(StreamDetached("1.2.3.4"))
    loop.now += 301
    loop.metrics.watch("podexec.more", "More", lambda: 7)
    found = gauges(loop.metrics)
    assert found == {
        "apps.active.gauge": 0,
        "pods.active.gauge": 2,
        "groups.active.gauge": 3,
        "deployments.active.gauge": 2,
        "instances.running.gauge": 1,
        "instances.staged.gauge": 4,
        "instances.launch-overdue.gauge": 3,
        "instances.inflight-kills.gauge": 0,
        "http.event-streams.active.gauge": 1,
        "uptime.gauge.seconds": 301,
        "leadership.duration.gauge.seconds": 301,
        "podexec.mesos.subscribed.gauge": 1,
        "podexec.instances.waiting.gauge": 2,
        "podexec.more": 7,
    }


def test_an_instance_that_runs_but_is_not_healthy_or_is_ending_still_runs() -> None:
    checked = definition(
        container(healthCheck={"exec": {"command": {"shell": "true"}}}), version=V, instances=2, role="*"
    )
    running = task(Condition.RUNNING)
    instances = [
        Instance(f"shop_web.instance-{n}", "/shop/web", V, goal, 1, 0.0, 0.0, "*", tasks=(running,), config_version=V)
        for n, goal in enumerate((Goal.RUNNING, Goal.DECOMMISSIONED))
    ]
    world = World(settings(), 0, [checked, Pod("/shop/web", V, V), *instances])
    assert gauges(Metrics(world, lambda: 0.0))["instances.running.gauge"] == 2


def test_published_events_and_passes_are_counted() -> None:
    metrics = FakeLoop().metrics
    metrics.pass_ended([OffersReceived(())], [], [], [Publish("a", {}, 0.0)], 0.2)
    metrics.committed(0.003)
    passes, commits = metrics.durations()
    assert (passes.count, passes.total, commits.count, commits.longest) == (1, 0.2, 1, 0.003)


def test_quantiles_have_the_precision_of_the_bounds() -> None:
    some = Durations("n", "m", bounds=(1.0, 2.0, 5.0), counts=[0] * 4)
    assert some.quantile(0.5) == 0.0
    for seconds in (0.5, 1.0, 1.5, 4.0, 9.0):
        some.add(seconds)
    assert some.counts == [2, 1, 1, 1]
    assert [some.quantile(share) for share in (0.2, 0.5, 0.8, 0.99)] == [1.0, 2.0, 5.0, 9.0]
