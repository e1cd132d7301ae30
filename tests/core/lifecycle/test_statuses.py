"""Statuses of tasks, and their consequences."""

from typing import Any

import pytest

from scheduler.core.effects import Acknowledge, Kill, Log
from scheduler.model.records import Condition, NetworkAddress
from tests.core.support import Story, container, definition, groups, running

C = Condition
CHECKED = container(healthCheck={"exec": {"command": {"shell": "true"}}})


def state(story: Story) -> Condition:
    """The condition of the first task of the one instance."""
    return story.only.tasks[0].condition


def launched(**fields: Any) -> Story:
    """A framework with one instance that was just launched."""
    story = Story()
    story.subscribe()
    story.post(definition(**fields))
    story.offer()
    return story


def test_an_instance_comes_up() -> None:
    story = launched()
    (task,) = story.only.tasks
    seen = []
    for condition in (C.STAGING, C.STARTING, C.RUNNING):
        story.wait(1)
        story.update(task.id, condition)
        seen.append((story.only.tasks[0].condition, story.only.since))

    assert [condition for condition, _ in seen] == [C.STAGING, C.STARTING, C.RUNNING]
    assert len({since for _, since in seen}) == 3
    assert story.only.tasks[0].started_at == story.now


def test_started_is_the_first_time_it_ran() -> None:
    story = running(scheduling={"unreachableStrategy": "disabled"})
    first = story.only.tasks[0].started_at
    story.wait(5)
    story.all_tasks(C.UNREACHABLE)
    story.all_tasks(C.RUNNING)

    assert story.only.tasks[0].started_at == first
    assert story.only.tasks[0].since == story.now


@pytest.mark.parametrize(
    ("known", "late"),
    [
        (C.STARTING, C.STAGING),
        (C.RUNNING, C.STAGING),
        (C.RUNNING, C.STARTING),
        (C.KILLING, C.STARTING),
        (C.KILLING, C.RUNNING),
    ],
)
def test_a_late_status_undoes_nothing_and_is_acknowledged(known: C, late: C) -> None:
    story = running() if known is not C.STARTING else launched()
    (task,) = story.only.tasks
    story.update(task.id, known)
    story.wait(1)
    frame = story.update(task.id, late, uuid="late", message="late")

    assert state(story) is known
    assert frame.changes == ()
    assert frame.effects == (Acknowledge(task.id, "A1", "late"),)


@pytest.mark.parametrize("late", [C.STAGING, C.STARTING])
@pytest.mark.parametrize("between", [C.UNREACHABLE, C.UNKNOWN])
def test_a_task_that_was_running_does_not_start_again_once_it_is_back(between: C, late: C) -> None:
    """Its agent sends the first update again whose acknowledgement was lost."""
    story = running(scheduling={"unreachableStrategy": "disabled"})
    story.all_tasks(between)
    story.all_tasks(late)

    assert state(story) is C.RUNNING


def test_a_task_that_never_ran_starts_once_its_agent_is_back() -> None:
    story = launched(scheduling={"unreachableStrategy": "disabled"})
    story.all_tasks(C.STARTING)
    story.all_tasks(C.UNREACHABLE)
    story.all_tasks(C.STARTING)

    assert state(story) is C.STARTING


def test_the_same_status_again_changes_nothing_and_is_acknowledged_again() -> None:
    story = running()
    (task,) = story.only.tasks
    frame = story.update(task.id, C.RUNNING, uuid="again")

    assert frame.changes == ()
    assert frame.effects == (Acknowledge(task.id, "A1", "again"),)


@pytest.mark.parametrize("end", [C.FAILED, C.FINISHED, C.KILLED, C.ERROR])
def test_what_has_ended_stays_ended(end: Condition) -> None:
    story = launched(containers=[container("one"), container("two")])
    one, _ = story.only.tasks
    story.update(one.id, end, message="the end")
    frame = story.update(one.id, C.RUNNING, message="alive after all")

    assert frame.changes == ()
    assert (story.only.tasks[0].condition, story.only.tasks[0].message) == (end, "the end")
    assert len(story.told(Acknowledge, frame)) == 1


@pytest.mark.parametrize("end", [C.GONE, C.DROPPED])
def test_what_was_said_to_be_gone_stays_ended_and_is_killed_where_it_runs(end: Condition) -> None:
    story = launched(containers=[container("one"), container("two")])
    one, _ = story.only.tasks
    story.answer(one.id, end)
    frame = story.update(one.id, C.RUNNING, message="alive after all")

    assert story.only.tasks[0].condition is end
    assert story.told(Kill, frame) == [Kill(one.id, "A1")]
    assert len(story.told(Acknowledge, frame)) == 1


def test_an_unreachable_task_may_come_back() -> None:
    story = running(scheduling={"unreachableStrategy": "disabled"})
    story.all_tasks(C.UNREACHABLE)
    assert state(story) is C.UNREACHABLE
    story.all_tasks(C.RUNNING, reason="REASON_AGENT_REREGISTERED")

    assert state(story) is C.RUNNING
    assert not story.ever(Kill)


def test_a_reconciliation_answer_keeps_the_message_of_the_update_it_repeats() -> None:
    story = running()
    (task,) = story.only.tasks
    story.update(task.id, C.RUNNING, message="listening on 80", reason="REASON_TASK_HEALTH_CHECK_STATUS_UPDATED")
    story.answer(task.id, C.RUNNING)
    after = story.only.tasks[0]

    assert (after.message, after.reason) == ("listening on 80", "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED")


def test_a_reconciliation_answer_with_news_is_taken() -> None:
    story = running()
    (task,) = story.only.tasks
    story.answer(task.id, C.RUNNING, healthy=False, networks=(NetworkAddress("n", ("10.0.0.1",)),))
    after = story.only.tasks[0]

    assert after.healthy is False
    assert after.networks == (NetworkAddress("n", ("10.0.0.1",)),)
    story.answer(task.id, C.KILLING)
    assert state(story) is C.KILLING


def test_health_and_networks_are_kept_by_updates_that_do_not_speak_of_them() -> None:
    story = running(containers=[CHECKED])
    (task,) = story.only.tasks
    story.update(task.id, C.RUNNING, healthy=True, networks=(NetworkAddress(None, ("10.0.0.1",)),))
    story.wait(1)
    before = story.only.since
    story.update(task.id, C.RUNNING, message="still there")

    assert story.only.tasks[0].healthy is True
    assert story.only.tasks[0].networks
    assert story.only.since == before
    story.update(task.id, C.RUNNING, healthy=False)
    assert story.only.since == story.now


def test_every_status_with_a_uuid_is_acknowledged_whatever_it_says() -> None:
    story = running()
    (task,) = story.only.tasks
    strange = ("shop_web.instance-nobody.main.1", "made-by-hand", "a.b.c", "")
    for task_id in (task.id, *strange):
        for condition in set(C) - {C.SCHEDULED, C.UNREACHABLE_INACTIVE}:
            frame = story.update(task_id, condition, uuid="u", agent_id="A5")
            assert Acknowledge(task_id, "A5", "u") in frame.effects


def test_a_status_of_the_master_has_no_uuid_and_is_not_acknowledged() -> None:
    story = running()

    assert not story.told(Acknowledge, story.answer(story.only.tasks[0].id, C.UNREACHABLE))


def test_an_unknown_task_is_not_touched_and_logged() -> None:
    story = running()
    frame = story.update("other.instance-1.main.1", C.RUNNING)

    assert not story.told(Kill, frame)
    (note,) = story.told(Log, frame)
    assert note.level == "warning"
    assert dict(note.fields)["task_id"] == "other.instance-1.main.1"


def test_a_task_of_an_earlier_incarnation_is_killed() -> None:
    story = running()
    (first,) = story.only.tasks
    story.all_tasks(C.GONE)
    story.wait(10)
    story.offer("A2")
    story.all_tasks(C.RUNNING)
    frame = story.update(first.id, C.RUNNING, agent_id="A1")

    assert story.told(Kill, frame) == [Kill(first.id, "A1")]
    assert state(story) is C.RUNNING
    assert story.only.incarnation == 2


@pytest.mark.parametrize("condition", [C.FAILED, C.KILLED, C.GONE, C.UNKNOWN, C.UNREACHABLE])
def test_news_of_an_earlier_incarnation_that_is_not_alive_needs_no_kill(condition: Condition) -> None:
    """The answer to a kill of a task that the master does not know would otherwise cause the next kill."""
    story = running()
    (first,) = story.only.tasks
    story.all_tasks(C.FAILED)

    assert not story.told(Kill, story.update(first.id, condition))


class TestUnknown:
    """The master does not know the task: believed only after a while."""

    def test_it_counts_as_gone_after_the_timeout_and_is_relaunched(self) -> None:
        story = running()
        story.answer(story.only.tasks[0].id, C.UNKNOWN)
        story.wait(74.9)
        assert state(story) is C.UNKNOWN
        story.wait(0.1)

        assert story.only.tasks == ()
        (end,) = story.world.pods["/shop/web"].terminations
        assert "unknown to the master for 75 s" in end.message

    def test_repeated_answers_do_not_put_it_off(self) -> None:
        story = running()
        (task,) = story.only.tasks
        for _ in range(8):
            story.answer(task.id, C.UNKNOWN)
            story.wait(10)

        assert story.only.tasks == ()

    def test_one_that_turns_up_in_time_is_kept(self) -> None:
        story = running()
        (task,) = story.only.tasks
        story.answer(task.id, C.UNKNOWN)
        story.wait(70)
        story.answer(task.id, C.RUNNING)
        story.wait(70)

        assert state(story) is C.RUNNING
        story.answer(task.id, C.UNKNOWN)
        story.wait(70)
        assert state(story) is C.UNKNOWN, "the time counts from the last time it was known"

    def test_it_counts_as_gone_also_if_the_scheduler_was_restarted_meanwhile(self) -> None:
        story = running()
        (task,) = story.only.tasks
        story.answer(task.id, C.UNKNOWN)
        story = story.restart()
        story.wait(10)
        story.subscribe()
        story.answer(task.id, C.UNKNOWN)
        story.wait(75)

        assert story.only.tasks == ()


class TestUnheard:
    """A launch without any status."""

    def test_it_is_killed_after_the_confirm_timeout_and_again_until_something_is_heard(self) -> None:
        story = launched(containers=[container("one"), container("two")])
        tasks = [task.id for task in story.only.tasks]
        assert not story.told(Kill, story.wait(299))
        assert [kill.task_id for kill in story.told(Kill, story.wait(1))] == tasks
        assert [kill.task_id for kill in story.told(Kill, story.wait(10))] == tasks
        for task_id in tasks:
            story.answer(task_id, C.UNKNOWN)
        story.wait(75)

        assert story.only.tasks == ()
        assert len(groups(story.offer())) == 1

    def test_one_whose_executor_began_is_left_in_peace(self) -> None:
        story = launched()
        story.all_tasks(C.STARTING)

        assert not story.told(Kill, story.wait(1000))

    def test_one_whose_executor_does_not_begin_is_killed_after_the_launch_timeout(self) -> None:
        story = launched()
        story.wait(10)
        story.all_tasks(C.STAGING)

        assert not story.told(Kill, story.wait(289))
        assert len(story.told(Kill, story.wait(1))) == 1

    def test_a_restarted_scheduler_finds_out_by_asking(self) -> None:
        story = launched()
        (task,) = story.only.tasks
        story = story.restart()
        story.subscribe()
        story.answer(task.id, C.GONE)

        assert story.only.tasks == ()
        assert len(groups(story.offer())) == 1, "it never started, so there is no back-off"
