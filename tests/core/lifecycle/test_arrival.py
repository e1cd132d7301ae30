"""A restarted scheduler: on its own cluster or another, with its own store or an older one."""

import pytest
from msgspec.structs import replace

from scheduler.core.effects import (
    Accept,
    Acknowledge,
    Decline,
    Kill,
    ListAgents,
    ListFrameworks,
    Log,
    Reconcile,
    Revive,
    Shutdown,
    Stop,
)
from scheduler.core.events import AgentsListed, Disconnected, FrameworksListed, Namesake, StatusUpdated, Subscribed
from scheduler.core.frame import Frame
from scheduler.core.lifecycle.arrival import LEAP, last_task, leap, on_hold
from scheduler.core.world import World
from scheduler.model.records import Cluster, Condition
from tests.core.support import FRAMEWORK, Story, container, definition, running, settings

C = Condition
TIMEOUT = 75.0
HARM = (Accept, Kill, Shutdown, Revive)


def arriving(story: Story) -> Story:
    """A new process over the same store, just subscribed."""
    again = story.restart()
    again.tell(Subscribed(FRAMEWORK, "master:5050", "1.11.0"))
    return again


def acted(story: Story) -> list[object]:
    """The effects that change something in the cluster."""
    return [effect for kind in HARM for effect in story.ever(kind)]


def levels(frame: Frame, level: str) -> list[str]:
    return [effect.text for effect in frame.effects if isinstance(effect, Log) and effect.level == level]


def later(story: Story, condition: Condition, incarnation: int, name: str = "main", **fields: object) -> Frame:
    """The master reports a task of an incarnation."""
    (instance,) = story.instances
    task_id = f"{instance.id}.{name}.{incarnation}"
    told = {"agent_id": "A2", "uuid": None, "timestamp": story.now, "reason": "REASON_RECONCILIATION", **fields}
    return story.tell(StatusUpdated(task_id, condition, **told))


class TestCluster:
    def test_a_new_store_waits_for_no_answer(self) -> None:
        story = Story()
        story.subscribe()

        assert story.world.volatile.arrival.over
        assert not story.ever(Reconcile)

    def test_the_agents_are_asked_for_by_the_turn_that_forgets_the_previous_masters(self) -> None:
        """An answer cannot come before that turn, which would forget it."""
        story = arriving(running())
        assert len(story.told(ListAgents)) == 1

        story.list_agents("A1")
        story.answer_last()
        assert story.world.volatile.arrival.over
        story.tell(Disconnected())
        frame = story.tell(Subscribed(FRAMEWORK, "second:5050", "1.11.0"))
        assert len(story.told(ListAgents, frame)) == 1

    def test_nothing_is_done_before_the_master_has_reported_its_agents_and_tasks(self) -> None:
        story = running(instances=2)
        story.remove()
        story.post(definition(id="/waits"))
        story = arriving(story)
        assert story.told(Reconcile) == [Reconcile(()), Reconcile(((last_task(story.world), None),))]
        story.wait(4)
        assert not acted(story)

        story.answer_last()
        assert not acted(story)
        frame = story.list_agents("A1", "B1")
        assert story.told(Kill, frame)
        assert story.told(Revive, frame)

    def test_an_answer_to_an_earlier_subscription_says_nothing_of_this_one(self) -> None:
        """It was overtaken by a failover: the new master has yet to hear of the tasks."""
        story = arriving(running())
        early = last_task(story.world)
        story.tell(Disconnected())
        story.tell(Subscribed(FRAMEWORK, "second:5050", "1.11.0"))
        story.list_agents("A1")
        story.answer(early, C.UNKNOWN, agent_id=None)
        assert not story.world.volatile.arrival.over

        story.answer_last()
        assert story.world.volatile.arrival.over

    def test_a_task_that_an_agent_runs_is_no_answer_whatever_its_id(self) -> None:
        story = arriving(running())
        story.list_agents("A1")
        frame = story.update(last_task(story.world), C.RUNNING, uuid="odd")

        assert not story.world.volatile.arrival.over
        assert story.told(Acknowledge, frame) == [Acknowledge(last_task(story.world), "A1", "odd")]

    def test_offers_that_come_all_the_same_are_given_back(self) -> None:
        story = arriving(running(instances=2))
        frame = story.offer("A1")

        assert [each.offer_ids for each in story.told(Decline, frame)] == [("O1",)]
        assert not acted(story)

    def test_what_was_not_answered_is_asked_again(self) -> None:
        story = arriving(running())
        frame = story.wait(5)

        assert story.told(ListAgents, frame) == [ListAgents()]
        assert Reconcile(((last_task(story.world), None),)) in story.told(Reconcile, frame)

    def test_another_cluster_is_refused_and_nothing_was_done(self) -> None:
        story = arriving(running())
        story.answer_last()
        frame = story.list_agents("B1", "B2", "B3", "B4")
        assert levels(frame, "warning")
        assert not story.ever(Stop)

        story.wait(TIMEOUT + 5)
        (stop, *_) = story.ever(Stop)
        for words in ("B1, B2, B3 and 1 more", "A1", "master:5050", "--adopt-cluster", "--store"):
            assert words in stop.message
        assert not acted(story)
        assert story.only.tasks[0].condition is C.RUNNING

    def test_agents_that_come_back_late_show_that_it_is_the_same(self) -> None:
        """As after a change of masters without a registry."""
        story = arriving(running())
        story.list_agents("N1")
        story.wait(50)
        story.list_agents("N1", "A1")
        story.answer_last()
        story.wait(200)

        assert story.world.volatile.arrival.over
        assert not story.ever(Stop)

    def test_so_do_those_that_come_back_to_another_master_that_leads_from_then_on(self) -> None:
        story = arriving(running())
        story.list_agents("A0")
        story.wait(TIMEOUT - 1)
        story.tell(Disconnected())
        story.tell(Subscribed(FRAMEWORK, "second:5050", "1.11.0"))
        story.list_agents("N1")
        story.answer_last()
        story.wait(50)
        assert not acted(story)
        assert not story.ever(Stop)

        story.list_agents("N1", "A1")
        story.answer_last()
        assert story.world.volatile.arrival.over
        assert not story.ever(Stop)

    def test_it_shows_what_it_waits_for(self) -> None:
        story = running()
        assert on_hold(story.world) is None
        story = arriving(story.restart())
        assert "waiting for agents to register with the master master:5050" in str(on_hold(story.world))
        story.list_agents("B1")
        assert "an agent that its store knows: the master master:5050 has only unknown ones (B1)" in str(
            on_hold(story.world)
        )
        story.list_agents("B1", "A1")
        assert "waiting for the master to report the tasks" in str(on_hold(story.world))
        story.tell(Disconnected())
        assert "waiting for a connection" in str(on_hold(story.world))
        story.tell(Subscribed(FRAMEWORK, "master:5050", "1.11.0"))
        story.list_agents("A1")
        story.answer_last()
        assert on_hold(story.world) is None

    def test_without_any_agent_it_waits_and_does_nothing(self) -> None:
        story = arriving(running())
        story.list_agents()
        story.answer_last()
        story.wait(1000)

        assert not acted(story)
        assert not story.ever(Stop)

    def test_with_the_option_everything_is_launched_there(self) -> None:
        story = running(settings={"adopt_cluster": True})
        story = arriving(story)
        story.list_agents("B1")
        story.answer_last()
        assert story.world.volatile.arrival.over
        assert story.world.cluster == Cluster(("B1",))

        story.answer(story.only.tasks[0].id, C.UNKNOWN)
        story.wait(100)
        assert story.told(Accept, story.offer("B1"))

    def test_a_master_that_lists_nothing_to_this_framework_is_believed(self) -> None:
        story = arriving(running())
        story.answer_last()
        frame = story.tell(AgentsListed(None))

        assert story.world.volatile.arrival.over
        assert levels(frame, "warning")

    def test_so_is_one_whose_list_cannot_be_read(self) -> None:
        story = arriving(running())
        story.answer_last()
        story.wait(TIMEOUT - 5)
        assert not story.world.volatile.arrival.over
        story.wait(10)
        assert story.world.volatile.arrival.over

    def test_agents_without_instances_are_remembered_too(self) -> None:
        story = running()
        story.list_agents("A1", "A7")
        assert story.world.cluster == Cluster(("A1", "A7"))
        story = arriving(story)
        story.answer_last()
        story.list_agents("A7")

        assert story.world.volatile.arrival.over
        assert story.world.cluster == Cluster(("A7",))

    def test_a_limited_number_is_remembered_preferably_known_ones(self) -> None:
        story = running()
        story.list_agents("Z1")
        story.list_agents("Z1", *(f"A{number}" for number in range(1000)))

        assert story.world.cluster is not None
        assert len(story.world.cluster.agents) == 256
        assert "Z1" in story.world.cluster.agents

    def test_a_request_meanwhile_is_accepted_and_carried_out_afterwards(self) -> None:
        story = arriving(running())
        story.post(definition(id="/later"))
        story.list_agents("A1")
        frame = story.answer_last()

        assert story.told(Revive, frame)
        assert story.told(Accept, story.offer("A2"))


def older(story: Story) -> Story:
    """A new process over the store as it was, just subscribed, on the right cluster."""
    again = arriving(story)
    again.list_agents("A1", "A2")
    return again


class TestOldStore:
    def test_a_later_incarnation_is_adopted_and_not_killed(self) -> None:
        story = older(running())
        before = story.only
        frame = later(story, C.RUNNING, 3)
        assert levels(frame, "warning")
        story.answer_last()

        adopted = story.only
        assert (adopted.incarnation, adopted.agent and adopted.agent.id) == (3, "A2")
        assert adopted.agent is not None
        assert adopted.agent.hostname == "a2.example"
        assert [task.condition for task in adopted.tasks] == [C.RUNNING]
        assert adopted.executor_id is not None
        assert adopted.executor_id.endswith(".3")
        assert adopted.version == before.version
        story.wait(300)
        assert not acted(story)

    def test_all_its_containers_are_and_what_was_before_it_is_killed(self) -> None:
        story = older(running(containers=[container("one"), container("two")]))
        old = story.only.tasks[0].id
        later(story, C.RUNNING, 2, "one")
        later(story, C.STARTING, 2, "two")
        story.answer_last()
        assert [(task.container, task.condition) for task in story.only.tasks] == [
            ("one", C.RUNNING),
            ("two", C.STARTING),
        ]
        later(story, C.RUNNING, 2, "two")
        assert [task.condition for task in story.only.tasks] == [C.RUNNING, C.RUNNING]
        assert not story.ever(Kill)

        story.answer(old, C.RUNNING)
        assert {kill.task_id for kill in story.ever(Kill)} == {old}

    def test_one_that_waits_for_an_offer_is_not_launched_in_addition(self) -> None:
        story = running()
        story.all_tasks(C.FAILED)
        story = older(story)
        later(story, C.RUNNING, 2)
        story.answer_last()
        story.wait(100)

        assert not story.told(Accept, story.offer("A3"))
        assert story.only.incarnation == 2

    @pytest.mark.parametrize("condition", [C.FAILED, C.KILLED, C.UNKNOWN])
    def test_no_id_that_was_reported_is_used_again(self, condition: Condition) -> None:
        story = running()
        story.all_tasks(C.FAILED)
        story = older(story)
        later(story, condition, 7)
        story.answer_last()
        story.wait(100)
        story.offer("A2")

        assert story.only.incarnation > 7

    def test_once_the_store_has_shown_to_be_old_new_ids_are_far_from_those_on_record(self) -> None:
        story = running(instances=2)
        first, second = story.instances
        story = older(story)
        story.tell(StatusUpdated(f"{first.id}.main.2", C.RUNNING, "A2", None, story.now))
        story.answer_last()
        story.answer(second.tasks[0].id, C.GONE)
        story.wait(100)
        story.offer("A1")

        assert story.world.instances[second.id].incarnation > 1 + LEAP

    def test_they_are_others_each_time_as_the_same_copy_may_be_restored_again(self) -> None:
        assert len({leap(World(settings(), seed), 1) for seed in range(100)}) > 95

    def test_so_are_they_where_not_all_agents_came_back_in_time(self) -> None:
        story = older(running())
        story.wait(TIMEOUT + 5)
        assert story.world.volatile.arrival.over
        story.answer(story.only.tasks[0].id, C.GONE)
        story.wait(100)
        story.offer("A1")

        assert story.only.incarnation > LEAP

    def test_a_later_incarnation_that_turns_up_afterwards_is_adopted_as_well(self) -> None:
        story = running().restart()
        story.subscribe()
        later(story, C.RUNNING, 2)

        assert story.only.incarnation == 2
        assert not story.ever(Kill)

    def test_an_instance_that_is_to_go_goes_whatever_runs_of_it(self) -> None:
        story = running()
        story.remove()
        story = older(story)
        later(story, C.RUNNING, 2)
        frame = story.answer_last()

        assert [kill.task_id.rpartition(".")[2] for kill in story.told(Kill, frame)] == ["2"]

    def test_an_incarnation_that_is_no_number_is_not_touched(self) -> None:
        story = older(running())
        before = story.only
        for number in ("9" * 5000, "-1", "x", "\u0661", ""):
            story.tell(StatusUpdated(f"{before.id}.main.{number}", C.RUNNING, "A2", None, story.now))
        assert replace(story.only, since=before.since) == before

    def test_a_store_that_is_up_to_date_continues_as_usual(self) -> None:
        story = running().restart()
        story.subscribe()
        assert not story.world.volatile.aged
        story.answer(story.only.tasks[0].id, C.GONE)
        story.wait(100)
        story.offer("A1")
        assert story.only.incarnation == 2


class TestLostStore:
    def test_a_new_framework_asks_for_others_of_its_name(self) -> None:
        story = Story()
        assert story.told(ListFrameworks, story.subscribe()) == [ListFrameworks()]
        assert not story.told(ListFrameworks, story.subscribe())

    def test_those_with_tasks_are_reported_with_advice(self) -> None:
        story = Story()
        story.subscribe()
        frame = story.tell(FrameworksListed((Namesake("old-1", "podexec", connected=False),)))
        (note,) = [each for each in story.told(Log, frame) if each.level == "error"]

        assert dict(note.fields)["old_framework_id"] == "old-1"
        for words in ("restore a backup", "/teardown", "its store lost"):
            assert words in note.text
        assert story.world.volatile.namesakes


def test_statuses_of_the_incarnation_on_record_are_applied_as_usual() -> None:
    story = older(running())
    story.answer(story.only.tasks[0].id, C.FAILED)
    assert story.only.incarnation == 1
    assert not story.world.volatile.arrival.is_old
