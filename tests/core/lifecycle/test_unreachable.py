"""Instances on agents that the master cannot reach.

| `unreachableStrategy` | after `inactiveAfterSeconds` | after `expungeAfterSeconds` |
|---|---|---|
| `{0, 0}`, the default | | expunged at once, replaced |
| `{a, b}` | kept, and another started | expunged |
| `disabled` | waited for | waited for |

An expunged instance is decommissioned, no longer counts and is not shown; if it returns, it is killed.
"""

from typing import Any

import pytest

from scheduler.core.effects import Accept, Kill
from scheduler.core.facts.conditions import condition
from scheduler.core.facts.roster import Bucket
from scheduler.model.records import Condition, Goal, Instance
from tests.core.support import Story, container, definition, running

C = Condition
PATIENT = {"unreachableStrategy": {"inactiveAfterSeconds": 10, "expungeAfterSeconds": 100}}


def lose(story: Story) -> Instance:
    """The agent of the first instance becomes unreachable."""
    lost = story.instances[0]
    story.all_tasks(C.UNREACHABLE, [lost])
    return lost


def standings(story: Story) -> list[Bucket]:
    """The buckets of the instances, oldest first."""
    return [story.world.bucket(each.id) for each in story.instances]


class TestDefault:
    def test_it_is_expunged_at_once_and_another_is_started(self) -> None:
        story = running(instances=2)
        lost = lose(story)

        assert standings(story) == [Bucket.RELEASED, Bucket.READY, Bucket.UNREADY]
        assert story.world.instances[lost.id].goal is Goal.DECOMMISSIONED
        new = story.instances[-1]
        assert (new.id != lost.id, new.incarnation) == (True, 0)
        assert story.told(Accept, story.offer("A2"))

    def test_nothing_is_sent_to_an_unreachable_agent(self) -> None:
        story = running()
        lose(story)

        assert not story.ever(Kill)
        assert not story.told(Kill, story.wait(1000))

    def test_should_it_come_back_it_is_killed(self) -> None:
        story = running()
        lost = lose(story)
        story.offer("A2")
        story.all_tasks(C.RUNNING, story.instances[1:])
        frame = story.update(lost.tasks[0].id, C.RUNNING)
        assert story.told(Kill, frame) == [Kill(lost.tasks[0].id, "A1")]
        story.update(lost.tasks[0].id, C.KILLED)

        assert [condition(each) for each in story.instances] == [C.RUNNING]
        assert story.only.id != lost.id

    def test_also_after_a_restart_of_the_scheduler(self) -> None:
        story = running()
        lost = lose(story)
        story = story.restart()
        story.subscribe()

        assert story.told(Kill, story.answer(lost.tasks[0].id, C.RUNNING)) == [Kill(lost.tasks[0].id, "A1")]

    @pytest.mark.parametrize("end", [C.GONE, C.GONE_BY_OPERATOR, C.FAILED])
    def test_once_the_master_knows_its_end_it_is_forgotten(self, end: Condition) -> None:
        story = running()
        lost = lose(story)
        story.answer(lost.tasks[0].id, end)

        assert lost.id not in story.world.instances
        assert len(story.instances) == 1

    def test_of_a_group_one_container_is_enough(self) -> None:
        story = running(containers=[container("one"), container("two")])
        story.update(story.only.tasks[0].id, C.UNREACHABLE)

        assert standings(story) == [Bucket.RELEASED, Bucket.UNREADY]

    def test_it_adds_no_back_off(self) -> None:
        story = running()
        lose(story)

        assert story.world.queues.delays == {}
        assert story.pod.terminations == ()


class TestPatience:
    def test_it_is_waited_for_then_replaced_then_expunged(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        seen = []
        for seconds in (9.9, 0.1, 89.9, 0.1):
            story.wait(seconds)
            seen.append(standings(story))

        assert seen == [
            [Bucket.UNREADY],
            [Bucket.INACTIVE, Bucket.UNREADY],
            [Bucket.INACTIVE, Bucket.UNREADY],
            [Bucket.RELEASED, Bucket.UNREADY],
        ]
        assert story.world.instances[lost.id].goal is Goal.DECOMMISSIONED

    def test_while_it_is_replaced_it_is_published_as_inactive(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(10)

        assert condition(story.world.instances[lost.id]) is C.UNREACHABLE_INACTIVE

    def test_one_that_returns_in_time_is_not_replaced(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(9)
        story.update(lost.tasks[0].id, C.RUNNING)
        story.wait(1000)

        assert standings(story) == [Bucket.READY]
        assert not story.ever(Kill)

    @pytest.mark.parametrize("new_one_runs", [False, True])
    def test_one_that_returns_late_runs_again_and_a_surplus_goes(self, new_one_runs: bool) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(20)
        story.offer("A2")
        new = story.instances[1]
        if new_one_runs:
            story.all_tasks(C.RUNNING, [new])
        story.update(lost.tasks[0].id, C.RUNNING)

        kept = [each for each in story.instances if each.goal is Goal.RUNNING]
        assert [each.id for each in kept] == [lost.id], "the younger one goes, as the one that does less"
        assert not kept[0].inactive
        assert [kill.task_id for kill in story.ever(Kill)] == [new.tasks[0].id]
        story.wait(1000)
        assert story.world.instances[lost.id].goal is Goal.RUNNING

    def test_kill_selection_decides_which_of_two_that_run_goes(self) -> None:
        story = running(scheduling={**PATIENT, "killSelection": "OLDEST_FIRST"})
        lost = lose(story)
        story.wait(20)
        story.offer("A2")
        story.all_tasks(C.RUNNING, story.instances[1:])
        story.update(lost.tasks[0].id, C.RUNNING)

        assert story.world.instances[lost.id].goal is Goal.DECOMMISSIONED

    def test_its_time_starts_again_when_it_is_lost_again(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(9)
        story.update(lost.tasks[0].id, C.RUNNING)
        story.update(lost.tasks[0].id, C.UNREACHABLE)
        story.wait(9)

        assert standings(story) == [Bucket.UNREADY]
        story.wait(1)
        assert standings(story) == [Bucket.INACTIVE, Bucket.UNREADY]

    def test_a_repeated_status_does_not_delay_it(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        for _ in range(3):
            story.wait(4)
            story.answer(lost.tasks[0].id, C.UNREACHABLE)

        assert standings(story) == [Bucket.INACTIVE, Bucket.UNREADY]

    @pytest.mark.parametrize(("before", "after"), [(0, 10), (20, 80)])
    def test_its_time_runs_on_over_a_restart(self, before: float, after: float) -> None:
        story = running(scheduling=PATIENT)
        lose(story)
        story.wait(before)
        story = story.restart()
        story.subscribe()
        story.wait(after)

        assert standings(story)[0] is (Bucket.INACTIVE if not before else Bucket.RELEASED)

    def test_without_a_time_to_replace_it_is_expunged_in_time(self) -> None:
        """`expungeAfterSeconds` below `inactiveAfterSeconds` is accepted for pods."""
        story = running(scheduling={"unreachableStrategy": {"inactiveAfterSeconds": 100, "expungeAfterSeconds": 10}})
        lose(story)
        story.wait(10)

        assert standings(story) == [Bucket.RELEASED, Bucket.UNREADY]

    def test_one_that_ends_while_unreachable_is_relaunched_unless_it_was_replaced(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(5)
        story.answer(lost.tasks[0].id, C.GONE)

        assert (story.only.id, story.only.tasks) == (lost.id, ())

    def test_one_that_ends_while_unreachable_after_it_was_replaced_leaves_one(self) -> None:
        story = running(scheduling=PATIENT)
        lost = lose(story)
        story.wait(20)
        story.offer("A2")
        story.all_tasks(C.RUNNING, story.instances[1:])
        story.answer(lost.tasks[0].id, C.GONE)

        assert [condition(each) for each in story.instances] == [C.RUNNING]
        assert lost.id not in story.world.instances


class TestDisabled:
    FIELDS: dict[str, Any] = {"scheduling": {"unreachableStrategy": "disabled"}}  # noqa: RUF012 - never changed

    def test_it_is_waited_for_for_ever(self) -> None:
        story = running(**self.FIELDS)
        lose(story)
        story.wait(1_000_000)

        assert standings(story) == [Bucket.UNREADY]
        assert story.told(Accept, story.offer("A2")) == []

    def test_a_decommissioned_one_no_longer_counts(self) -> None:
        story = running(instances=2, **self.FIELDS)
        lost = lose(story)
        story.put(definition(instances=1, **self.FIELDS))

        assert story.world.instances[lost.id].goal is Goal.DECOMMISSIONED
        assert not story.ever(Kill)
        assert story.world.deployments == {}
        frame = story.update(lost.tasks[0].id, C.RUNNING)
        assert story.told(Kill, frame) == [Kill(lost.tasks[0].id, "A1")]


def test_the_strategy_is_that_of_its_own_version() -> None:
    """A change of it restarts nothing, so running instances keep the one with which they were launched."""
    story = running(scheduling=PATIENT)
    story.put(definition(scheduling={"unreachableStrategy": "disabled"}))
    lose(story)
    story.wait(10)

    assert standings(story) == [Bucket.INACTIVE, Bucket.UNREADY]
