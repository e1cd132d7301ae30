"""The arithmetic of the launch back-off: what its delay is, whatever fails when, and whatever its pod asks for."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduler.core.effects import Accept
from scheduler.core.events import ClockSet, InstancesKilled
from scheduler.core.queues import Delay
from scheduler.core.views.queue import queue_view
from scheduler.model.records import Condition, Instance
from tests.core.support import running

C = Condition
ROOM = {"cpus": 1000, "mem": 1_000_000, "disk": 1_000_000}
BACKOFF, FACTOR, LONGEST = 2.0, 2.0, 10.0
ROUNDING = 1e-3  # of times since the epoch, and of a thousand million seconds more
USUAL = {"backoff": BACKOFF, "backoffFactor": FACTOR, "maxLaunchDelay": LONGEST}

seconds = st.sampled_from([0.0, 0.5, 2.0, 10.0, 300.0, 1e15, 1e300]) | st.floats(0, 1000)
policies = st.fixed_dictionaries(
    {},
    optional={
        "backoff": seconds,
        "backoffFactor": st.sampled_from([0.0, 0.5, 1.0, 1.15, 2.0, 1e300]) | st.floats(0, 10),
        "maxLaunchDelay": seconds,
    },
)
numbers = st.integers(0, 2)
# What happens next: a number picks an instance that fails, or says how long nothing happens, or how the clock is set.
happenings = st.one_of(
    st.tuples(st.just("fails"), numbers),
    st.tuples(st.just("waits"), st.floats(0, 30) | st.sampled_from([0.0, 1000.0])),
    st.tuples(st.just("launches"), st.none()),
    st.tuples(st.just("is set"), st.sampled_from([-1e9, -3600.0, 3600.0, 1e9])),
)


class Watched:
    """A pod of three whose instances fail, as it is seen from outside."""

    def __init__(self, backoff: dict[str, float]) -> None:
        self.story = running(instances=3, scheduling={"backoff": backoff})

    @property
    def delay(self) -> Delay | None:
        (delay,) = self.story.world.queues.delays.values() or (None,)
        return delay

    def fail(self, number: int) -> Instance | None:
        """One of those that run ends, if there is one; how it was."""
        alive = [each for each in self.story.instances if each.tasks]
        if not alive:
            return None
        chosen = alive[number % len(alive)]
        self.story.all_tasks(C.FAILED, [chosen])
        return chosen

    def launch(self) -> bool:
        """Launch and run what may be; whether something was launched."""
        launched = bool(self.story.told(Accept, self.story.offer(**ROOM)))
        self.story.all_tasks(C.RUNNING, [each for each in self.story.instances if each.tasks])
        return launched

    def happen(self, verb: str, value: Any) -> None:
        match verb:
            case "fails":
                self.fail(value)
            case "waits":
                self.story.wait(value)
            case "launches":
                self.launch()
            case "is set":
                self.story.tell(ClockSet(value))


@example(policy={"backoff": 1e300, "maxLaunchDelay": 1e300}, happens=[("fails", 0)])
@example(policy={"backoffFactor": 1e300, "maxLaunchDelay": 1e300}, happens=[("fails", 0), ("waits", 2.0)] * 2)
@given(policy=policies, happens=st.lists(happenings, max_size=12))
@settings(max_examples=50)
def test_a_delay_is_never_negative_nor_beyond_the_maximum(
    policy: dict[str, float], happens: list[tuple[str, Any]]
) -> None:
    watched = Watched(policy)
    longest = policy.get("maxLaunchDelay", 300.0)
    for verb, value in happens:
        watched.happen(verb, value)
        delay, now = watched.delay, watched.story.now
        if delay is not None:
            assert 0 <= delay.seconds <= longest
            assert delay.since <= now
            assert delay.until - now <= longest + ROUNDING, "nothing waits longer from now on"
        assert orjson.dumps(queue_view(watched.story.world, now, with_offers=True)), "and all of it can be told"


@given(rounds=st.lists(st.lists(st.tuples(numbers, st.floats(0, 0.5)), min_size=1), max_size=5))
@settings(max_examples=50)
def test_one_failure_of_a_batch_counts_once(rounds: list[list[tuple[int, float]]]) -> None:
    """Of each round that all of them are launched in, some fail at first and the others a moment later."""
    watched = Watched(USUAL)
    expected = BACKOFF
    for batch in rounds:
        for number, pause in batch:
            watched.fail(number)
            watched.story.wait(pause)
        watched.story.all_tasks(C.FAILED)
        delay = watched.delay
        assert delay is not None
        assert delay.seconds == expected
        expected = min(expected * FACTOR, LONGEST)
        watched.story.wait(delay.until - watched.story.now)
        assert watched.launch()


@given(before=st.integers(1, 5), quiet=st.floats(0, 30), is_launched_late=st.booleans())
@settings(max_examples=50)
def test_it_is_forgotten_after_a_quiet_time_and_not_before(before: int, quiet: float, is_launched_late: bool) -> None:
    """After a delay has elapsed, all is well for a while: what was launched runs, or waits for an offer."""
    watched = Watched(USUAL)
    for remaining in reversed(range(before)):
        watched.fail(0)
        delay = watched.delay
        assert delay is not None
        watched.story.wait(delay.seconds + (0 if remaining or not is_launched_late else quiet))
        assert watched.launch()
    watched.story.wait(0 if is_launched_late else quiet)
    watched.fail(0)
    after = watched.delay
    assert after is not None
    assert after.seconds == (BACKOFF if quiet >= LONGEST else min(BACKOFF * FACTOR**before, LONGEST))


@given(happens=st.lists(happenings.filter(lambda each: each[0] != "is set"), max_size=12), data=st.data())
@settings(max_examples=30)
def test_the_clock_that_is_set_changes_no_delay(happens: list[tuple[str, Any]], data: st.DataObject) -> None:
    steady, moved = Watched(USUAL), Watched(USUAL)
    for verb, value in happens:
        steady.happen(verb, value)
        moved.happen("is set", data.draw(st.sampled_from([-1e9, -3600.0, 0.0, 3600.0, 1e9])))
        moved.happen(verb, value)
        assert moved.delay == steady.delay


@pytest.mark.parametrize("verb", ["fails", "launches"])
def test_a_delay_that_stands_still_lasts_as_long_as_it_says(verb: str) -> None:
    """From whichever step of another instance on."""
    watched = Watched(USUAL)
    watched.fail(0)
    watched.story.wait(1)
    watched.happen(verb, 1)
    assert watched.delay is not None
    assert not watched.launch()
    watched.story.wait(watched.delay.until - watched.story.now)
    assert watched.launch()


def test_kills_by_the_health_check_are_failures() -> None:
    """Of one instance, twice: its executor reports that it is unhealthy, and then that it was killed."""
    watched = Watched(USUAL)
    for expected in (BACKOFF, BACKOFF * FACTOR):
        watched.story.all_tasks(C.RUNNING, watched.story.instances[:1], healthy=False)
        watched.story.all_tasks(C.KILLED, watched.story.instances[:1])
        delay = watched.delay
        assert delay is not None
        assert delay.seconds == expected
        assert not watched.launch()
        watched.story.wait(delay.until - watched.story.now)
        assert watched.launch()


@pytest.mark.parametrize("healthy", [None, True])
def test_other_kills_are_none(healthy: bool | None) -> None:
    watched = Watched(USUAL)
    watched.story.all_tasks(C.RUNNING, healthy=healthy)
    watched.story.all_tasks(C.KILLED)
    assert watched.delay is None


def test_a_user_who_kills_an_unhealthy_instance_does_not_wait() -> None:
    watched = Watched(USUAL)
    watched.story.all_tasks(C.RUNNING, healthy=False)
    killed = tuple(each.id for each in watched.story.instances)
    watched.story.tell(InstancesKilled(1, watched.story.instances[0].pod_id, killed))
    watched.story.all_tasks(C.KILLED)
    assert watched.delay is None
    assert watched.launch()
