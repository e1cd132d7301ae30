"""The forecast of a rollout is what then happens, if every new instance becomes ready."""

import time

import pytest

from scheduler.core.facts.roster import Bucket
from scheduler.core.rollout.forecast import Forecast, forecast
from scheduler.core.rollout.upgrade import Counts
from scheduler.model.definition import Upgrade
from scheduler.model.records import Condition, Goal
from tests.core.support import definition, running

NEW = {"environment": {"VERSION": "2"}}


def observed(instances: int, wanted: int, health: float, over: float, batch: int | None) -> Forecast:
    """A rollout in a cluster where everything goes well: the counts after each event."""
    scheduling = {"upgrade": {"minimumHealthCapacity": health, "maximumOverCapacity": over}}
    story = running(instances=instances, scheduling=scheduling)
    old = {each.id for each in story.instances}
    story.put(definition(instances=wanted, scheduling=scheduling, **NEW), batch_size=batch)
    lowest, most, batches, largest = instances, instances, 0, 0
    for _ in range(200):
        roster = story.world.roster("/shop/web")
        lowest = min(lowest, roster.everyone(Bucket.READY))
        most = max(most, len(story.instances))
        waiting = [each for each in story.instances if not each.tasks]
        if not waiting and not story.world.deployments:
            break
        batches += bool(waiting)
        largest = max(largest, len(waiting))
        story.offer("A2", cpus=1000, mem=1_000_000, disk=1_000_000)
        ending = [each for each in story.instances if each.goal is not Goal.RUNNING]
        story.all_tasks(Condition.KILLED, ending)
        for each in story.instances:  # one event: all of a batch become ready together
            if each.id not in old:
                story.all_tasks(Condition.RUNNING, [each])
    assert not story.world.deployments
    return Forecast(instances, batches, largest, lowest, most)


@pytest.mark.parametrize(
    ("instances", "wanted", "health", "over", "batch"),
    [
        pytest.param(3, 3, 1.0, 1.0, None, id="all at once"),
        pytest.param(4, 4, 0.5, 0.0, None, id="half by half"),
        pytest.param(3, 3, 1.0, 0.0, None, id="one more allowed"),
        pytest.param(5, 5, 0.0, 0.0, None, id="none ready"),
        pytest.param(7, 7, 1.0, 1.0, 2, id="in batches of two"),
        pytest.param(1, 1, 1.0, 1.0, None, id="single"),
        pytest.param(3, 5, 1.0, 1.0, None, id="and more"),
        pytest.param(5, 3, 0.5, 0.0, None, id="and fewer"),
        pytest.param(5, 3, 1.0, 1.0, 1, id="and fewer, one at a time"),
        pytest.param(6, 6, 0.34, 0.17, None, id="fractions"),
    ],
)
def test_it_is_what_happens(instances: int, wanted: int, health: float, over: float, batch: int | None) -> None:
    policy = Upgrade(minimum_health_capacity=health, maximum_over_capacity=over)
    counts = Counts(new=0, new_ready=0, old=instances, old_ready=instances, ending=0)
    told = forecast(wanted, policy, counts, batch=batch)
    happened = observed(instances, wanted, health, over, batch)
    assert (told.replaced, told.most, told.lowest_ready) == (instances, happened.most, happened.lowest_ready)


@pytest.mark.parametrize(
    ("counts", "batch", "resident", "expected"),
    [
        pytest.param(Counts(0, 0, 3, 3, 0), None, False, Forecast(3, 1, 3, 3, 6), id="beside the old ones"),
        pytest.param(Counts(0, 0, 3, 1, 0), None, False, Forecast(3, 1, 3, 1, 6), id="unready ones end first"),
        pytest.param(Counts(0, 0, 3, 3, 0), 1, False, Forecast(3, 3, 1, 3, 6), id="one at a time"),
        pytest.param(Counts(0, 0, 3, 3, 0), None, True, Forecast(3, 3, 1, 2, 3), id="in place"),
        pytest.param(Counts(0, 0, 5, 5, 0), None, True, Forecast(3, 3, 1, 2, 5), id="in place, fewer"),
    ],
)
def test_what_it_says(counts: Counts, batch: int | None, resident: bool, expected: Forecast) -> None:
    health, over = (1.0, 0.0) if resident else (1.0, 1.0)
    policy = Upgrade(minimum_health_capacity=health, maximum_over_capacity=over)
    assert forecast(3, policy, counts, resident=resident, batch=batch) == expected


def test_a_hundred_thousand_one_by_one_are_foretold_at_once() -> None:
    started = time.process_time()
    policy = Upgrade(minimum_health_capacity=1.0, maximum_over_capacity=0.0)
    told = forecast(100_000, policy, Counts(0, 0, 100_000, 100_000, 0), batch=1)
    assert time.process_time() - started < 0.05
    assert (told.lowest_ready, told.most) == (100_000, 100_001)
    assert 99_000 <= told.batches <= 101_000
