"""The stream from the master: identity, reconciliation, and requests for offers only while they are wanted."""

import pytest

from scheduler.core.effects import Accept, Kill, Log, Reconcile, Revive, SetRoles, Stop, Suppress
from scheduler.core.events import Disconnected, FrameworkFailed
from scheduler.core.frame import Put
from scheduler.model.records import Condition, Framework
from tests.core.support import FRAMEWORK, Story, container, definition, running

C = Condition


class TestIdentity:
    def test_the_framework_id_is_stored_when_it_is_first_told(self) -> None:
        story = Story()

        assert story.subscribe().changes == (Put(Framework(FRAMEWORK)),)
        assert story.world.volatile.connection.mesos_version == "1.11.0"

    def test_it_is_kept_over_restarts(self) -> None:
        story = Story()
        story.subscribe()
        story = story.restart()

        assert story.world.framework == Framework(FRAMEWORK)
        assert story.subscribe().changes == ()

    def test_another_id_stops_the_scheduler_before_anything_is_asked(self) -> None:
        story = running().restart()
        frame = story.subscribe("another")

        (stop,) = frame.effects
        assert isinstance(stop, Stop)
        assert "another" in stop.message
        assert FRAMEWORK in stop.message
        assert frame.changes == ()
        assert not story.world.volatile.connection.subscribed

    def test_a_framework_the_master_refuses_stops_it_in_the_masters_words(self) -> None:
        (stop,) = Story().tell(FrameworkFailed("Framework has been removed")).effects

        assert isinstance(stop, Stop)
        assert "Framework has been removed" in stop.message


class TestReconciliation:
    def test_every_task_that_may_be_alive_is_asked_for_with_its_agent(self) -> None:
        story = running(instances=3, containers=[container("one"), container("two")])
        first, second, third = story.instances
        story.all_tasks(C.FAILED, [first])
        story.update(second.tasks[0].id, C.FINISHED)
        asked = story.told(Reconcile, story.subscribe())

        alive = sorted(task.id for task in (second.tasks[1], *third.tasks))
        assert asked == [Reconcile(tuple((task_id, "A1") for task_id in alive))]

    def test_with_nothing_alive_nothing_is_asked_for_at_once(self) -> None:
        story = Story()

        assert story.told(Reconcile, story.subscribe()) == []

    def test_the_unanswered_are_asked_for_again_with_growing_pauses(self) -> None:
        story = running()
        (task,) = story.only.tasks
        story.subscribe()
        start, asked = story.now, []
        while story.now - start < 300:
            frame = story.wait(1)
            asked += [round(story.now - start) for each in story.told(Reconcile, frame) if each.tasks]

        assert asked == [5, 15, 35, 75, 135, 195, 255], "with pauses of 5 to 60 seconds"
        assert story.ever(Reconcile)[-1] == Reconcile(((task.id, "A1"),))

    @pytest.mark.parametrize("condition", [C.RUNNING, C.UNREACHABLE, C.FAILED])
    def test_any_news_of_a_task_is_an_answer(self, condition: Condition) -> None:
        story = running(instances=2)
        story.subscribe()
        first, second = (each.tasks[0].id for each in story.instances)
        story.update(first, condition)

        assert story.told(Reconcile, story.wait(5)) == [Reconcile(((second, "A1"),))]

    def test_only_the_current_stream_is_asked(self) -> None:
        story = running()
        story.subscribe()
        story.wait(3)
        story.subscribe()
        assert not story.told(Reconcile, story.wait(4)), "the first stream's question was due"
        assert len(story.told(Reconcile, story.wait(1))) == 1

    def test_nothing_is_asked_while_disconnected(self) -> None:
        story = running()
        story.subscribe()
        story.tell(Disconnected())

        assert not story.told(Reconcile, story.wait(2000))

    def test_everything_is_asked_for_again_every_ten_minutes(self) -> None:
        story = Story()
        story.subscribe()

        assert not story.told(Reconcile, story.wait(14))
        assert story.told(Reconcile, story.wait(1)) == [Reconcile(())]
        assert not story.told(Reconcile, story.wait(599))
        assert story.told(Reconcile, story.wait(1)) == [Reconcile(())]

    def test_then_what_the_master_did_not_speak_of_is_asked_for(self) -> None:
        story = running(instances=2)
        story.subscribe()
        story.all_tasks(C.RUNNING)
        story.wait(15)
        first, second = (each.tasks[0].id for each in story.instances)
        story.answer(first, C.RUNNING)

        assert story.told(Reconcile, story.wait(5)) == [Reconcile(((second, "A1"),))]

    def test_large_questions_are_split(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(instances=1001))
        story.wait(0)
        for _ in range(11):
            story.offer(cpus=1000, mem=1_000_000, disk=1_000_000)
        asked = [len(each.tasks) for each in story.told(Reconcile, story.subscribe())]

        assert asked == [1000, 1]

    def test_a_task_that_ended_while_nobody_listened_is_relaunched(self) -> None:
        story = running().restart()
        story.subscribe()
        story.answer(story.only.tasks[0].id, C.GONE)
        story.wait(1)

        assert story.told(Accept, story.offer("A2"))


class TestFlow:
    """REVIVE while an instance could use an offer, SUPPRESS while none could."""

    def test_a_new_stream_gets_the_wanted_roles_once(self) -> None:
        story = Story()
        assert story.told(Suppress, story.subscribe())
        assert story.told(Suppress, story.subscribe())
        story.post(definition())
        assert story.told(Revive, story.subscribe())

    def test_demand_revives_at_once_and_its_end_suppresses(self) -> None:
        story = Story()
        story.subscribe()
        assert story.told(Revive, story.post(definition(instances=2)))
        assert not story.told(Suppress, story.offer(cpus=0.2)), "one instance still waits"
        assert story.told(Suppress, story.offer())
        assert story.told(Revive, story.put(definition(instances=3)))
        assert story.told(Suppress, story.put(definition(instances=2)))

    def test_further_demand_while_offers_flow_revives_at_most_every_five_seconds(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/a"))
        revived = []
        for number in range(12):
            frame = story.post(definition(id=f"/b{number}"))
            assert not story.told(Revive, frame)
            revived += [story.now] * len(story.told(Revive, story.wait(1)))

        assert len(revived) == 2
        assert revived[1] - revived[0] == 5
        assert len(story.told(Revive, story.wait(5))) == 1, "the last demand is told too"
        assert not story.told(Revive, story.wait(10))

    def test_a_revive_that_no_offer_follows_is_repeated_with_growing_pauses(self) -> None:
        """It was lost, or there is nothing to offer."""
        story = Story()
        story.subscribe()
        story.post(definition())
        began = story.now
        repeated = []
        while story.now < began + 2000:
            repeated += [story.now - began for _ in story.told(Revive, story.wait(10))]

        assert repeated == [30, 90, 210, 450, 930, 1530]

    def test_a_revive_that_an_offer_follows_is_not_repeated(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(instances=2))
        story.offer(cpus=0.2)
        assert not story.told(Revive, story.wait(2000))

    def test_an_offer_to_another_role_is_no_answer(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.offer(role="shop")

        assert story.told(Revive, story.wait(31)) == [Revive(("*",))]

    def test_a_role_that_no_longer_wants_offers_asks_no_more(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.remove()
        assert not story.told(Revive, story.wait(2000))

    def test_on_a_new_stream_the_pauses_start_again(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.wait(100)
        story.tell(Disconnected())
        assert not story.told(Revive, story.wait(2000))
        story.subscribe()

        assert not story.told(Revive, story.wait(29))
        assert story.told(Revive, story.wait(1)) == [Revive(("*",))]

    def test_all_further_demand_of_an_interval_waits_for_one_deadline(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/a"))
        story.post(definition(id="/b"))
        there = len(story.world.deadlines)
        story.post(definition(id="/c"))

        assert len(story.world.deadlines) == there

    def test_an_interval_after_the_last_revive_further_demand_is_sent_at_once(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/a"))
        story.wait(5)

        assert story.told(Revive, story.post(definition(id="/b")))

    def test_nothing_is_asked_while_disconnected_and_the_next_stream_hears_it(self) -> None:
        story = Story()
        story.subscribe()
        story.tell(Disconnected())
        assert not story.told(Revive, story.post(definition()))

        assert story.told(Revive, story.subscribe())

    def test_back_off_suppresses_and_its_end_revives(self) -> None:
        story = running(scheduling={"backoff": {"backoff": 3}})
        story.all_tasks(C.FAILED)
        assert not story.ever(Revive)[1:], "it may not be launched yet"

        assert story.told(Revive, story.wait(3))

    def test_a_back_off_that_ends_while_others_wait_asks_for_offers_too(self) -> None:
        story = running(scheduling={"backoff": {"backoff": 30}})
        story.post(definition(id="/big", containers=[container(resources={"cpus": 10_000, "mem": 32})]))
        story.all_tasks(C.FAILED)

        assert story.told(Revive, story.wait(30))


class TestRoles:
    """The framework has its own role and those of pods and instances; it asks for offers per role."""

    def test_every_stream_gets_the_roles_once(self) -> None:
        story = Story(role="pods")
        assert story.told(SetRoles, story.subscribe()) == [SetRoles(("pods",))]
        assert not story.told(SetRoles, story.wait(1000))
        assert story.told(SetRoles, story.subscribe()) == [SetRoles(("pods",))]

    def test_a_pod_of_another_role_adds_it_before_offers_are_asked_for(self) -> None:
        story = Story()
        story.subscribe()
        frame = story.post(definition(role="shop"))

        assert [each for each in frame.effects if isinstance(each, SetRoles | Revive | Suppress)] == [
            SetRoles(("*", "shop")),
            Revive(("shop",)),
        ]

    def test_a_pod_without_instances_keeps_its_role_and_asks_for_nothing(self) -> None:
        story = Story()
        story.subscribe()
        frame = story.post(definition(role="shop", instances=0))

        assert story.told(SetRoles, frame) == [SetRoles(("*", "shop"))]
        assert not story.told(Revive, frame)

    def test_a_role_stays_until_the_last_instance_of_it_has_ended(self) -> None:
        story = running(role="shop")
        assert not story.told(SetRoles, story.remove())
        frame = story.update(story.only.tasks[0].id, C.KILLED)

        assert story.told(SetRoles, frame) == [SetRoles(("*",))]

    def test_a_changed_role_is_that_of_the_new_instances_and_the_old_one_stays_while_it_is_used(self) -> None:
        story = running(role="shop")
        old = story.only
        frame = story.put(definition(role="*"))
        assert story.told(SetRoles, frame) == []
        assert story.told(Revive, frame) == [Revive(("*",))]
        new = next(each for each in story.instances if each.id != old.id)
        assert (old.role, new.role) == ("shop", "*")

        story.offer("A2", role="shop")
        assert not story.world.instances[new.id].tasks
        story.offer("A2")
        story.all_tasks(C.RUNNING, [story.world.instances[new.id]])
        frame = story.update(old.tasks[0].id, C.KILLED)
        assert story.told(SetRoles, frame) == [SetRoles(("*",))]

    def test_each_role_is_revived_and_suppressed_on_its_own(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        assert story.told(Revive, story.post(definition(id="/shop/db", role="shop"))) == [Revive(("shop",))]
        assert story.told(Suppress, story.offer()) == [Suppress(("*",))]
        assert story.told(Suppress, story.offer(role="shop")) == [Suppress(("shop",))]

    def test_a_new_stream_hears_of_each_role_whether_it_wants_offers(self) -> None:
        story = running(role="shop")
        story.post(definition(id="/other"))
        frame = story.restart().subscribe()

        assert [each for each in frame.effects if isinstance(each, SetRoles | Revive | Suppress)] == [
            SetRoles(("*", "shop")),
            Suppress(("shop",)),
            Revive(("*",)),
        ]

    def test_roles_that_change_while_disconnected_are_sent_on_the_next_stream(self) -> None:
        story = Story()
        story.subscribe()
        story.tell(Disconnected())
        assert not story.told(SetRoles, story.post(definition(role="shop")))
        assert story.told(SetRoles, story.subscribe()) == [SetRoles(("*", "shop"))]

    def test_further_demand_of_one_role_revives_it_though_another_was_revived_meanwhile(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.wait(3)
        story.post(definition(id="/shop/db", role="shop"))
        assert not story.told(Revive, story.post(definition(id="/more")))

        assert story.told(Revive, story.wait(5)) == [Revive(("*", "shop"))]


def test_what_was_decided_before_a_restart_is_taken_up_again() -> None:
    story = running(instances=2)
    story.put(definition(instances=1))
    doomed = [each for each in story.instances if each.goal.value == "Decommissioned"]
    story = story.restart()

    assert story.told(Kill, story.subscribe()) == [Kill(doomed[0].tasks[0].id, "A1")]


def test_disconnecting_twice_is_reported_once() -> None:
    story = running()

    assert len(story.told(Log, story.tell(Disconnected()))) == 1
    assert story.tell(Disconnected()).effects == ()
