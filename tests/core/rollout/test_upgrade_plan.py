"""How many instances to start and to end: the plan as a function of counts.

Marathon plans once, at the start of a deployment, from ``h`` healthy old instances: ``maxCapacity`` and ``killNow``.
Ours is level-triggered: it looks at the current instances each time. Marathon's numbers map onto the first move:
``killNow`` is ``end_old``, and ``maxCapacity`` is what the instances there and the started ones come to together,
as long as more than that are wanted. Marathon counts an old instance that was never launched as healthy; we do not:
such an instance serves nobody and is ended at once.
"""

import pytest

from scheduler.core.rollout.upgrade import Bounds, Counts, Plan, bounds, plan
from scheduler.core.turn import STARTS_PER_TURN
from scheduler.model.definition import Upgrade
from tests.core.support import Story, definition


def policy(minimum: float, over: float) -> Upgrade:
    """minimumHealthCapacity and maximumOverCapacity."""
    return Upgrade(minimum_health_capacity=minimum, maximum_over_capacity=over)


def counts(new: int = 0, new_ready: int = 0, old: int = 0, old_ready: int | None = None, ending: int = 0) -> Counts:
    """Counts in which, unless said otherwise, every old instance is ready."""
    return Counts(
        new=new, new_ready=new_ready, old=old, old_ready=old if old_ready is None else old_ready, ending=ending
    )


@pytest.mark.parametrize(
    ("wanted", "minimum", "over", "running", "capacity", "kill_now"),
    [
        (1, 0.5, 0, 1, 2, 0),
        (10, 0.1, 0, 1, 10, 0),
        (10, 0.1, 1.0, 10, 20, 9),
        (10, 1, 1, 10, 20, 0),
        (2, 0.5, 0, 2, 2, 1),
    ],
)
def test_marathons_values_are_the_first_move(
    wanted: int, minimum: float, over: float, running: int, capacity: int, kill_now: int
) -> None:
    move = plan(wanted, policy(minimum, over), counts(old=running))

    assert move.end_old == kill_now
    assert move.start == min(wanted, capacity - running)
    assert move.end_new == 0


@pytest.mark.parametrize(
    ("resident", "wanted", "minimum", "over", "ready", "most", "end_now"),
    [
        (False, 1, 0.5, 0, 1, 2, 0),
        (False, 1, 0.5, 0, 0, 1, 0),
        (False, 10, 0.1, 0, 1, 10, 0),
        (False, 10, 0.1, 1.0, 10, 20, 9),
        (False, 10, 1, 1, 10, 20, 0),
        (False, 2, 0.5, 0, 2, 2, 1),
        (True, 1, 0.5, 0, 1, 1, 1),
        (True, 1, 0.5, 0, 0, 1, 0),
        (True, 5, 0.5, 0, 5, 5, 2),
        (True, 5, 1, 0, 5, 5, 1),
        (True, 5, 1, 0, 7, 5, 3),
        (True, 5, 1, 0, 3, 5, 0),
    ],
)
def test_marathons_values_are_the_bounds(
    resident: bool, wanted: int, minimum: float, over: float, ready: int, most: int, end_now: int
) -> None:
    """`maxCapacity` and `killNow` of its tests."""
    assert bounds(wanted, policy(minimum, over), ready, resident) == Bounds(most, end_now)


@pytest.mark.parametrize(("wanted", "there"), [(2, 5), (1, 4), (0, 3)])
def test_fewer_instances_than_before_end_at_least_the_surplus(wanted: int, there: int) -> None:
    assert plan(wanted, policy(1, 0), counts(old=there)).end_old >= there - wanted


@pytest.mark.parametrize(("minimum", "over"), [(0.5, 0), (1, 0), (0, 0), (1, 1)])
def test_nothing_there_means_start_all(minimum: float, over: float) -> None:
    assert plan(3, policy(minimum, over), counts()) == Plan(start=3, end_old=0, end_new=0)


@pytest.mark.parametrize(("there", "expected"), [(0, (4, 0)), (3, (1, 0)), (4, (0, 0)), (7, (0, 3))])
def test_without_old_instances_it_is_scaling(there: int, expected: tuple[int, int]) -> None:
    start, end_new = expected

    assert plan(4, Upgrade(), counts(new=there)) == Plan(start, 0, end_new)


@pytest.mark.parametrize(
    ("new_ready", "end_old"),
    [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2)],
)
def test_an_update_that_also_scales_up_ends_old_ones_above_the_minimum_only(new_ready: int, end_old: int) -> None:
    """Of 2 to 4, all of which are to be ready: Marathon ends an old one for each new one that is."""
    there = counts(new=4, new_ready=new_ready, old=2)
    assert plan(4, policy(1, 1), there).end_old == end_old


def test_an_old_instance_that_is_not_ready_still_takes_its_place_until_it_has_ended() -> None:
    assert plan(2, policy(0.5, 0), counts(old=2, old_ready=0)).start == 0
    assert plan(2, policy(0.5, 0), counts(ending=2)).start == 0
    assert plan(2, policy(0.5, 0), counts(ending=1)).start == 1
    assert plan(2, policy(0.5, 0), counts()).start == 2


def test_fractions_are_not_lost_to_binary_rounding() -> None:
    assert plan(100, policy(1, 0.15), counts(old=100)).start == 15  # 100 * 1.15 is 114.99… in floating point
    assert plan(50, policy(0.14, 0), counts(old=50)).end_old == 43  # 50 * 0.14 is 7.000000000000001


@pytest.mark.parametrize("wanted", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("before", [0, 1, 3, 10])
@pytest.mark.parametrize("minimum", [0, 0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize("over", [0, 0.1, 0.5, 1])
def test_an_update_never_gets_stuck_and_keeps_to_both_limits(
    wanted: int, before: int, minimum: float, over: float
) -> None:
    """Played through with instances that become ready, and old ones that end, one per round."""
    rule = policy(minimum, over)
    fewest = -(-round(wanted * minimum * 1000) // 1000)
    capacity = round(wanted * (1 + over) * 1000) // 1000
    most = max(before, capacity + (fewest == capacity))
    starting = new_ready = ending = 0
    old = before
    for _ in range(6 * (wanted + before) + 6):
        move = plan(wanted, rule, counts(new_ready + starting, new_ready, old, old, ending))
        assert old + new_ready - move.end_old >= min(fewest, old + new_ready)
        starting += move.start
        old -= move.end_old
        ending += move.end_old
        assert starting + new_ready + old + ending <= most
        if starting:
            starting, new_ready = starting - 1, new_ready + 1
        if ending:
            ending -= 1
    assert (old, ending, starting, new_ready) == (0, 0, 0, wanted)


def test_a_turn_creates_a_limited_number_of_instances_and_the_next_follows_at_once() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(instances=STARTS_PER_TURN + 5))
    assert len(story.instances) == STARTS_PER_TURN
    assert story.world.next_deadline() == story.now
    story.wait(0)

    assert len(story.instances) == STARTS_PER_TURN + 5
