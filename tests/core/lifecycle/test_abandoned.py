"""Abandoned launches that turn up later, like one that waited in the connection to a partitioned agent.

| how an incarnation ended | is it kept on record? |
|---|---|
| its executor or agent reported it | no |
| Mesos returned the launch unsent | no |
| the master, or the agent, knows no such task | yes |
| the master did not know it for too long | yes |
| its agent was marked gone | yes |
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from scheduler.core.effects import Kill, Log, Shutdown
from scheduler.core.events import Disconnected, Subscribed
from scheduler.model.records import Abandoned, Agent, Condition, Goal, Instance, LocalVolume, Pod, Reservation
from tests.core import support
from tests.core.support import FRAMEWORK, NOON, Story, container, definition, published

C = Condition
A1 = Agent("A1", "a1.example")
PAIR = [container("one"), container("two", lifecycle={"killGracePeriodSeconds": 30})]
WEEK = 604_800.0


def launched(**fields: object) -> tuple[Story, Instance]:
    """A pod of two containers whose launch was sent to agent A1, without any status."""
    story = Story(**fields)
    story.subscribe()
    story.post(definition(*PAIR))
    story.offer()
    return story, story.only


def given_up(**fields: object) -> tuple[Story, Instance]:
    """The same, after the master said that it knows no such task."""
    story, instance = launched(**fields)
    for task in instance.tasks:
        story.answer(task.id, C.GONE)
    return story, instance


def give_up_again(story: Story, rounds: int) -> Instance:
    """Relaunch the one instance and abandon the launch several times; returns the last one."""
    for _ in range(rounds):
        story.wait(300)
        story.offer()
        last = story.only
        for task in last.tasks:
            story.answer(task.id, C.GONE)
    return last


def dropped(story: Story) -> list[Log]:
    """The lines of the log that say that some are forgotten."""
    return [each for each in story.ever(Log) if "too many abandoned launches" in each.text]


def on_record(story: Story) -> list[Abandoned]:
    return list(story.world.abandoned.values())


def turn_up(story: Story, instance: Instance, *conditions: Condition) -> None:
    for task, condition in zip(instance.tasks, conditions or (C.RUNNING, C.RUNNING), strict=True):
        story.update(task.id, condition)


def kills_of(instance: Instance) -> list[Kill]:
    return [Kill(task.id, "A1") for task in instance.tasks]


class TestRecord:
    @pytest.mark.parametrize(
        ("condition", "reason", "kept"),
        [
            (C.GONE, "REASON_RECONCILIATION", True),
            (C.DROPPED, "REASON_RECONCILIATION", True),
            (C.DROPPED, "REASON_EXECUTOR_TERMINATED", True),
            (C.GONE_BY_OPERATOR, "REASON_SLAVE_REMOVED_BY_OPERATOR", True),
            (C.DROPPED, "REASON_INVALID_OFFERS", False),
            (C.DROPPED, "REASON_SLAVE_DISCONNECTED", False),
            (C.ERROR, "REASON_TASK_GROUP_INVALID", False),
            (C.FAILED, "REASON_EXECUTOR_TERMINATED", False),
            (C.KILLED, None, False),
            (C.FINISHED, None, False),
        ],
    )
    def test_it_is_kept_unless_its_end_is_certain(self, condition: Condition, reason: str | None, kept: bool) -> None:
        story, instance = launched()
        for task in instance.tasks:
            story.update(task.id, condition, uuid=None, reason=reason)
        assert story.only.tasks == ()
        assert bool(on_record(story)) is kept

    def test_it_knows_all_that_is_needed_to_end_it(self) -> None:
        story, instance = given_up()
        [record] = on_record(story)
        assert record == Abandoned(
            id=str(instance.executor_id),
            instance_id=instance.id,
            pod_id="/shop/web",
            tasks=tuple(task.id for task in instance.tasks),
            agent_id="A1",
            since=story.now,
            grace=30.0,
        )

    def test_only_of_the_tasks_whose_end_is_not_certain(self) -> None:
        story, instance = launched()
        one, two = instance.tasks
        story.update(one.id, C.FAILED)
        story.answer(two.id, C.GONE)
        [record] = on_record(story)
        assert record.tasks == (two.id,)

    def test_one_that_the_master_did_not_know_for_too_long(self) -> None:
        story, instance = launched()
        for task in instance.tasks:
            story.answer(task.id, C.UNKNOWN)
        story.wait(76)
        assert [record.instance_id for record in on_record(story)] == [instance.id]

    def test_one_whose_pod_was_removed_in_the_meantime(self) -> None:
        story, instance = launched()
        story.remove()
        for task in instance.tasks:
            story.answer(task.id, C.GONE)
        assert (story.instances, len(on_record(story))) == ([], 1)

    def test_one_that_was_expunged(self) -> None:
        story, instance = launched()
        for task in instance.tasks:
            story.answer(task.id, C.UNREACHABLE)
        assert story.world.instances[instance.id].goal is Goal.DECOMMISSIONED
        for task in instance.tasks:
            story.answer(task.id, C.GONE)
        assert instance.id not in story.world.instances
        assert [record.instance_id for record in on_record(story)] == [instance.id]

    def test_it_is_forgotten_after_a_while_also_by_a_restarted_scheduler(self) -> None:
        story, _ = given_up()
        story.wait(WEEK / 2)
        story = story.restart()
        story.subscribe()
        story.wait(WEEK / 2 - 1)
        assert len(on_record(story)) == 1
        story.wait(2)
        assert on_record(story) == []
        assert not any(kind is Abandoned for kind, _ in story.stored)

    def test_their_number_is_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scheduler.core.turn._ABANDONED_KEPT", 3)
        story, _ = given_up()
        for _ in range(5):
            story.wait(1000)
            story.offer()
            for task in story.only.tasks:
                story.answer(task.id, C.GONE)
        assert [record.id.rpartition(".")[2] for record in on_record(story)] == ["4", "5", "6"]

    def test_that_some_are_forgotten_is_logged_once_an_hour(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scheduler.core.turn._ABANDONED_KEPT", 3)
        story, _ = given_up()
        give_up_again(story, 2)
        assert not dropped(story), "three are kept"
        give_up_again(story, 4)
        [note] = dropped(story)
        assert (note.level, dict(note.fields)) == ("warning", {"kept": "3"})
        story.wait(3600)
        give_up_again(story, 2)
        assert len(dropped(story)) == 2

    def test_one_that_runs_is_not_forgotten_and_still_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("scheduler.core.turn._ABANDONED_KEPT", 2)
        story, instance = given_up()
        turn_up(story, instance)
        give_up_again(story, 3)
        assert str(instance.executor_id) in story.world.abandoned
        assert set(kills_of(instance)) <= set(story.told(Kill, story.wait(1300)))


AFTERWARDS: dict[str, Callable[[Story], object]] = {
    "it waits for its relaunch": lambda story: None,
    "it was launched elsewhere": lambda story: story.offer("A2"),
    "its pod was removed": lambda story: story.remove(),
    "its pod was removed and made again": lambda story: (story.remove(), story.post(definition(*PAIR))),
    "its pod was scaled down": lambda story: story.put(definition(*PAIR, instances=0)),
}


DISK = {"name": "data", "persistent": {"type": "root", "size": 10}}
RESIDENT = definition(
    container(volumeMounts=[{"name": "data", "mountPath": "data"}]),
    volumes=[DISK],
    version="2026-01-01T00:00:00.000Z",
    instances=0,
    scheduling={"unreachableStrategy": "disabled", "upgrade": {"maximumOverCapacity": 0}},
)
PERSISTENT = [RESIDENT, Pod("/shop/web", str(RESIDENT.version), str(RESIDENT.version))]


def waiting() -> Instance:
    """An instance with a volume, whose launch was abandoned."""
    volume = (LocalVolume("data", "shop_web#data#u"),)
    version = str(RESIDENT.version)
    return support.instance(
        support.task(C.GONE), version=version, config_version=version, reservation=Reservation(A1, volume, True, NOON)
    )


class TestTurningUp:
    @pytest.mark.parametrize("afterwards", AFTERWARDS)
    @pytest.mark.parametrize("restart", [False, True])
    def test_it_is_killed_until_it_has_ended(self, afterwards: str, restart: bool) -> None:
        story, instance = given_up()
        AFTERWARDS[afterwards](story)
        if restart:
            story = story.restart()
            story.subscribe()
        others = {task.id for each in story.instances for task in each.tasks}
        turn_up(story, instance)
        frame = story.wait(25)
        killed = [each for each in story.told(Kill, frame) if each.task_id not in others]
        assert set(killed) == set(kills_of(instance))
        assert len(killed) == 4, "twice each"

        turn_up(story, instance, C.KILLED, C.KILLED)
        assert on_record(story) == []
        frame = story.wait(1000)
        assert not [each for each in story.told(Kill, frame) if each.task_id not in others]

    @pytest.mark.parametrize("restart", [False, True])
    def test_one_whose_instance_is_kept_for_its_volumes(self, restart: bool) -> None:
        """Its tasks are still known, as ended."""
        ended = replace(waiting(), goal=Goal.STOPPED)
        story = Story(records=[*PERSISTENT, ended], principal="me")
        story.subscribe()
        task_id = ended.tasks[0].id
        assert story.world.tasks[task_id] == ended.id
        story.update(task_id, C.RUNNING)
        if restart:
            story = story.restart()
            story.subscribe()
        assert len(story.told(Kill, story.wait(25))) >= 2
        story.update(task_id, C.KILLED)
        assert on_record(story) == []
        assert story.world.instances[ended.id] == ended

    def test_a_restarted_scheduler_continues_without_another_status(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        story = story.restart()
        assert story.told(Kill, story.subscribe()) == kills_of(instance)

    def test_but_not_before_it_knows_that_this_is_its_cluster(self) -> None:
        story, instance = given_up()
        story.put(definition(*PAIR, instances=0))
        story.list_agents("A1")
        story = story.restart()
        story.tell(Subscribed(FRAMEWORK, "master:5050", "1.11.0"))
        turn_up(story, instance)
        assert not story.ever(Kill)
        assert not story.ever(Shutdown)

        assert story.told(Kill, story.list_agents("A1")) == kills_of(instance)

    def test_so_does_one_that_lost_its_master(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        story.tell(Disconnected())
        assert not story.told(Kill, story.wait(100))
        assert story.told(Kill, story.subscribe()) == kills_of(instance)

    def test_a_master_that_knows_no_such_task_passes_no_kill_on_but_a_shutdown(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        frame = story.answer(instance.tasks[0].id, C.GONE)
        assert story.told(Shutdown, frame) == [Shutdown(str(instance.executor_id), "A1")]
        assert on_record(story)[0].found, "that is no word of its end"

    def test_a_master_that_knows_no_such_task_is_believed_in_the_end(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        for _ in range(12):
            story.wait(10)
            for task in instance.tasks:
                story.answer(task.id, C.GONE)
        assert [record.found for record in on_record(story)] == [False]
        assert not story.told(Kill, story.wait(1000))
        turn_up(story, instance)
        assert story.told(Kill, story.wait(15)), "and is not if the task turns up once more"

    def test_its_executor_is_shut_down_if_it_does_not_act_on_kills(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        assert not story.told(Shutdown, story.wait(49))
        assert story.told(Shutdown, story.wait(2)) == [Shutdown(str(instance.executor_id), "A1")]

    def test_while_unreachable_it_is_not_touched(self) -> None:
        story, instance = given_up()
        turn_up(story, instance)
        for task in instance.tasks:
            story.answer(task.id, C.UNREACHABLE)
        assert not story.told(Kill, story.wait(500))
        turn_up(story, instance)
        assert story.told(Kill, story.wait(1)) or story.ever(Kill)[-2:] == kills_of(instance)

    def test_its_end_leaves_nothing_behind(self) -> None:
        story, instance = given_up()
        turn_up(story, instance, C.FAILED, C.KILLED)
        world = story.world
        assert (world.abandoned, world.abandoned_tasks, world.volatile.kills) == ({}, {}, {})
        assert published(story.frames[-1], "unknown_instance_terminated_event")

    def test_the_log_and_the_event_stream_say_so_once(self) -> None:
        story, instance = given_up()
        first = len(story.frames)
        turn_up(story, instance)
        frame = story._together(first)
        [told] = published(frame, "abandoned_launch_found_event")
        assert told["executorId"] == instance.executor_id
        notes = [each.text for each in story.told(Log, frame) if each.level == "warning"]
        assert notes == ["abandoned launch is running, killing it"]

    def test_what_no_record_speaks_of_is_let_be(self) -> None:
        story, _ = given_up()
        story.update("other.instance-u.main.1", C.RUNNING)
        assert not story.ever(Kill)


class TestOneThatRan:
    """Its statuses came, so it is on its agent; but then the master says that the agent has no such task.

    This is so if the launch waited in the connection to a partitioned agent until it had registered again.
    """

    @staticmethod
    def denied(condition: Condition = C.GONE, **fields: object) -> tuple[Story, Instance]:
        """One that ran, until the master denied it."""
        story, instance = launched()
        turn_up(story, instance)
        for task in instance.tasks:
            story.update(task.id, condition, uuid=None, **{"reason": "REASON_RECONCILIATION", **fields})
        return story, instance

    @pytest.mark.parametrize("restart", [False, True], ids=["same", "restarted"])
    def test_its_executor_is_shut_down_until_its_agent_reports_the_end(self, restart: bool) -> None:
        story, instance = self.denied()
        if restart:
            story = story.restart()
            frame = story.subscribe()
        else:
            frame = story.wait(0)
        assert [each for each in story.told(Kill, frame) if each in kills_of(instance)] == kills_of(instance)
        for task in instance.tasks:
            frame = story.answer(task.id, C.GONE)
            assert story.told(Shutdown, frame) == [Shutdown(str(instance.executor_id), "A1")]

        turn_up(story, instance, C.KILLED, C.KILLED)
        assert on_record(story) == []

    def test_the_instance_is_relaunched_meanwhile(self) -> None:
        story, instance = self.denied()
        story.offer()
        assert story.only.id == instance.id
        assert story.only.executor_id != instance.executor_id

    def test_the_master_is_believed_in_the_end(self) -> None:
        story, instance = self.denied()
        for _ in range(12):
            story.wait(10)
            for task in instance.tasks:
                story.answer(task.id, C.GONE)
        assert [record.found for record in on_record(story)] == [False]
        assert not set(story.told(Kill, story.wait(1000))) & set(kills_of(instance))

    @pytest.mark.parametrize(
        ("condition", "reason"),
        [(C.GONE_BY_OPERATOR, "REASON_SLAVE_REMOVED_BY_OPERATOR"), (C.DROPPED, "REASON_RECONCILIATION")],
        ids=["agent gone", "dropped"],
    )
    def test_any_other_end_is_only_kept_in_mind(self, condition: Condition, reason: str) -> None:
        story, instance = self.denied(condition, reason=reason)
        assert [record.found for record in on_record(story)] == [False]
        assert not set(story.told(Kill, story.wait(1000))) & set(kills_of(instance))
