"""Kills: on request, with a relaunch or for good, repeated until they succeed."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from scheduler.core.effects import Accept, Kill, Killed, Log, Refused, Shutdown
from scheduler.core.events import Disconnected, InstancesKilled
from scheduler.core.facts.roster import Bucket
from scheduler.core.frame import Frame
from scheduler.core.views.deployment import deployment_view
from scheduler.core.views.pod_status import pod_status
from scheduler.model.records import Condition, Goal
from scheduler.model.times import timestamp
from tests.core.support import NOON, Story, container, definition, published, running

C = Condition
PAIR = [container("one"), container("two")]
IMPATIENT = {"upgrade": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}


def kill(story: Story, *instance_ids: str, wipe: bool = False, pod_id: str = "/shop/web") -> Frame:
    """A user kills instances; without ids the first one."""
    return story.request(InstancesKilled, pod_id, instance_ids or (story.instances[0].id,), wipe)


class TestRequest:
    def test_it_is_launched_again_with_its_id_as_the_next_incarnation(self) -> None:
        story = running(containers=PAIR)
        before = story.only
        frame = kill(story)
        assert story.told(Kill, frame) == [Kill(task.id, "A1") for task in before.tasks]
        assert story.only.goal is Goal.RUNNING
        story.all_tasks(C.KILLED)
        assert story.told(Accept, story.offer("A2")), "without a back-off"

        assert (story.only.id, story.only.incarnation) == (before.id, 2)
        assert story.only.agent is not None
        assert story.only.agent.id == "A2"
        assert not story.only.killing

    @pytest.mark.parametrize("end", [C.FINISHED, C.FAILED])
    def test_however_its_containers_take_the_kill_there_is_no_back_off(self, end: Condition) -> None:
        story = running(containers=PAIR)
        one, two = story.only.tasks
        kill(story)
        story.update(one.id, end)
        story.update(two.id, C.KILLED)

        assert story.world.queues.delays == {}
        assert story.told(Accept, story.offer())

    def test_it_is_answered_at_once_with_the_instances_as_they_were(self) -> None:
        story = running(instances=2)
        first, second = story.instances
        frame = kill(story, first.id, second.id)

        assert story.reply(frame) == Killed((first, second))

    def test_ids_that_are_not_there_are_passed_over_and_the_same_one_counts_once(self) -> None:
        story = running(instances=2)
        first, _ = story.instances
        story.post(definition(id="/other"))
        other = story.instances[-1]
        frame = kill(story, first.id, "nobody", first.id, other.id)

        assert story.reply(frame) == Killed((first,))
        assert len(story.told(Kill, frame)) == 1

    @pytest.mark.parametrize("pod_id", ["/nobody", "/gone"])
    def test_a_pod_that_is_not_there(self, pod_id: str) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/gone"))
        story.offer()
        story.remove("/gone")
        frame = kill(story, pod_id=pod_id)

        assert story.reply(frame) == Refused("absent", f"Pod '{pod_id}' does not exist")
        assert frame.changes == ()

    def test_one_that_waits_continues_to_wait(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        waiting = story.only
        frame = kill(story)

        assert story.reply(frame) == Killed((waiting,))
        assert not story.told(Kill, frame)
        assert story.only == waiting

    def test_a_decommissioned_one_is_not_found(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=1))
        ending = next(each for each in story.instances if each.goal is Goal.DECOMMISSIONED)

        assert story.reply(kill(story, ending.id)) == Killed(())

    def test_it_counts_as_not_ready_from_then_on(self) -> None:
        story = running()
        kill(story)

        assert story.world.bucket(story.only.id) is Bucket.UNREADY

    def test_it_is_taken_up_again_by_a_restarted_scheduler(self) -> None:
        story = running()
        kill(story)
        story = story.restart()
        assert story.told(Kill, story.subscribe()) == [Kill(story.only.tasks[0].id, "A1")]
        story.all_tasks(C.KILLED)

        assert story.only.tasks == ()

    def test_it_is_repeated_until_the_end(self) -> None:
        story = running()
        (task,) = story.only.tasks
        kill(story)
        story.update(task.id, C.KILLING)

        assert story.told(Kill, story.wait(30)) == [Kill(task.id, "A1")] * 3

    def test_asked_again_it_goes_out_again(self) -> None:
        story = running()
        assert len(story.told(Kill, kill(story))) == 1

        assert len(story.told(Kill, kill(story))) == 1

    def test_it_waits_for_the_return_of_an_unreachable_instance(self) -> None:
        story = running(scheduling={"unreachableStrategy": "disabled"})
        (task,) = story.only.tasks
        story.all_tasks(C.UNREACHABLE)
        assert not story.told(Kill, kill(story))
        frame = story.update(task.id, C.RUNNING)

        assert story.told(Kill, frame) == [Kill(task.id, "A1")]

    def test_during_a_deployment_an_old_one_makes_way_for_a_new_one(self) -> None:
        story = running(instances=2)
        first, _ = story.instances
        story.put(definition(instances=2, environment={"VERSION": "2"}))
        kill(story, first.id)
        story.go_well()

        assert first.id not in story.world.instances
        assert not story.world.deployments
        assert len(story.instances) == 2

    def test_during_a_deployment_a_new_one_is_launched_again(self) -> None:
        story = running()
        (old,) = story.instances
        story.put(definition(environment={"VERSION": "2"}))
        story.offer("A2")
        new = story.instances[-1]
        kill(story, new.id)
        story.all_tasks(C.KILLED, [new])
        assert story.world.bucket(old.id) is Bucket.READY
        story.go_well()

        assert story.only.id == new.id
        assert story.only.incarnation == 2

    def test_one_that_was_killed_and_was_unreachable_meanwhile_is_killed_again_as_soon_as_it_is_back(self) -> None:
        story = running()
        (task,) = story.only.tasks
        story.remove()
        story.update(task.id, C.UNREACHABLE)

        assert story.told(Kill, story.update(task.id, C.RUNNING)) == [Kill(task.id, "A1")]


class TestWipe:
    def test_it_is_decommissioned_and_another_takes_its_place(self) -> None:
        story = running()
        before = story.only
        frame = kill(story, wipe=True)
        assert story.reply(frame) == Killed((before,))
        assert story.told(Kill, frame) == [Kill(before.tasks[0].id, "A1")]
        assert story.told(Accept, story.offer("A2")), "without waiting for its end"
        story.all_tasks(C.KILLED, [before])

        assert (story.only.id != before.id, story.only.incarnation) == (True, 1)

    def test_one_that_waits_is_replaced_without_a_call(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        before = story.only
        frame = kill(story, wipe=True)

        assert not story.told(Kill, frame)
        assert story.only.id != before.id

    def test_one_that_was_killed_before_is_not_launched_again(self) -> None:
        story = running()
        before = story.only
        kill(story)
        kill(story, wipe=True)
        story.all_tasks(C.KILLED, [before])

        assert before.id not in story.world.instances
        assert len(story.instances) == 1


class TestCertainty:
    """Mesos delivers a kill at most once."""

    def test_what_an_executor_does_not_end_in_time_is_killed(self) -> None:
        story = running(containers=[container("one", lifecycle={"killGracePeriodSeconds": 20}), container("two")])
        one, two = story.only.tasks
        story.update(one.id, C.FAILED)
        assert not story.told(Kill, story.wait(29.9))

        assert story.told(Kill, story.wait(0.1)) == [Kill(two.id, "A1")]

    def test_a_kill_is_repeated_until_the_end(self) -> None:
        story = running(containers=PAIR)
        one, two = story.only.tasks
        assert story.told(Kill, story.remove()) == [Kill(one.id, "A1"), Kill(two.id, "A1")]
        assert not story.told(Kill, story.wait(9.9))
        assert len(story.told(Kill, story.wait(0.1))) == 2
        story.update(one.id, C.KILLED)
        assert story.told(Kill, story.wait(10)) == [Kill(two.id, "A1")]
        story.update(two.id, C.KILLED)

        assert not story.told(Kill, story.wait(100))
        assert story.world.instances == {}
        assert story.world.volatile.kills == {}

    def test_news_in_between_does_not_hurry_it(self) -> None:
        story = running()
        story.remove()

        assert not story.told(Kill, story.update(story.only.tasks[0].id, C.KILLING))

    def test_a_restarted_scheduler_takes_it_up_again(self) -> None:
        story = running()
        story.remove()
        story = story.restart()

        assert story.told(Kill, story.subscribe()) == [Kill(story.only.tasks[0].id, "A1")]


def graceful(seconds: float) -> dict[str, Any]:
    return {"lifecycle": {"killGracePeriodSeconds": seconds}}


SHUTDOWN_AFTER = 50.0  # five kills, ten seconds apart


class TestHungExecutor:
    """It accepts every kill and ends nothing: its agent is asked to shut it down."""

    ENDINGS: ClassVar[dict[str, Callable[[Story], object]]] = {
        "killed": kill,
        "wiped": lambda story: kill(story, wipe=True),
        "removed": lambda story: story.remove(),
        "updated": lambda story: story.put(definition(environment={"VERSION": "2"}, scheduling=IMPATIENT)),
        "scaled down": lambda story: story.put(definition(instances=0)),
        "a container failed": lambda story: story.update(story.only.tasks[0].id, C.FAILED),
    }

    @pytest.mark.parametrize("ending", ENDINGS)
    def test_it_is_shut_down_again_and_again_until_its_tasks_have_ended(self, ending: str) -> None:
        story = running(containers=PAIR) if ending == "a container failed" else running(scheduling=IMPATIENT)
        (first, *_) = story.instances
        self.ENDINGS[ending](story)
        story.wait(SHUTDOWN_AFTER + 30)
        asked = story.ever(Shutdown)
        assert len(asked) >= 2, ending
        assert set(asked) == {Shutdown(str(first.executor_id), "A1")}

        story.all_tasks(C.FAILED, [story.world.instances[first.id]])
        seen = len(story.ever(Shutdown))
        story.wait(100)
        assert len(story.ever(Shutdown)) == seen

    def test_of_many_the_log_has_a_few_lines_however_long_it_takes(self) -> None:
        story = running(instances=20)
        story.put(definition(instances=0))
        story.wait(3600)
        assert len(story.ever(Kill)) > 20 * 300
        assert len([note for note in story.ever(Log) if note.level == "warning"]) == 2 * 20

    def test_one_whose_pod_is_updated_removed_and_added_again(self) -> None:
        story = running(scheduling=IMPATIENT)
        hung = story.only
        story.put(definition(environment={"VERSION": "2"}, scheduling=IMPATIENT))
        story.wait(5)
        story.remove(force=True)
        story.wait(5)
        story.wait(SHUTDOWN_AFTER)
        assert story.ever(Shutdown)
        assert set(story.ever(Shutdown)) == {Shutdown(str(hung.executor_id), "A1")}

        story.update(hung.tasks[0].id, C.KILLED)
        story.post(definition())
        (new,) = story.instances
        assert new.id != hung.id
        story.offer("A1")
        story.update(story.only.tasks[0].id, C.RUNNING)
        frame = story.wait(100)
        assert not story.told(Kill, frame)
        assert not story.told(Shutdown, frame)

    def test_not_before_its_kills(self) -> None:
        story = running()
        kill(story)
        assert not story.told(Shutdown, story.wait(SHUTDOWN_AFTER - 1))
        assert story.told(Shutdown, story.wait(2))

    def test_as_many_kills_as_the_operator_says(self) -> None:
        story = running(settings={"kills_before_shutdown": 2})
        kill(story)
        assert not story.told(Shutdown, story.wait(19))
        assert story.told(Shutdown, story.wait(2))

    def test_never_within_its_grace_which_adds_up_along_dependencies(self) -> None:
        story = running(
            containers=[
                container("one", **graceful(100)),
                container("two", **graceful(200), dependsOn=[{"container": "one"}]),
                container("three", **graceful(1)),
            ]
        )
        kill(story)
        assert not story.told(Shutdown, story.wait(309))
        assert story.told(Shutdown, story.wait(20))

    def test_one_that_says_it_is_killing_has_its_grace_from_then_on(self) -> None:
        story = running(containers=[container("one", **graceful(60))])
        kill(story)
        story.wait(55)
        story.all_tasks(C.KILLING)
        assert not story.told(Shutdown, story.wait(69))
        assert story.told(Shutdown, story.wait(20))

    def test_asking_again_spares_it_nothing(self) -> None:
        story = running()
        for _ in range(8):
            kill(story)
            story.wait(9)
        assert story.ever(Shutdown)

    def test_one_on_an_unreachable_agent_does_not_count_as_hung(self) -> None:
        story = running(scheduling={"unreachableStrategy": "disabled"})
        kill(story)
        story.wait(SHUTDOWN_AFTER - 5)
        story.all_tasks(C.UNREACHABLE)
        assert not story.told(Shutdown, story.wait(500))
        story.all_tasks(C.RUNNING)
        assert not story.told(Shutdown, story.wait(SHUTDOWN_AFTER - 1)), "once it is back it is counted anew"
        assert story.told(Shutdown, story.wait(2))

    def test_nor_what_was_sent_on_a_stream_that_broke(self) -> None:
        story = running()
        kill(story)
        story.wait(SHUTDOWN_AFTER - 5)
        story.tell(Disconnected())
        assert not story.told(Shutdown, story.wait(500))
        assert len(story.told(Kill, story.subscribe())) == 1, "at once"
        frame = story.wait(SHUTDOWN_AFTER - 1)
        assert (len(story.told(Kill, frame)), story.told(Shutdown, frame)) == (4, [])
        assert story.told(Shutdown, story.wait(2))

    def test_nor_a_task_that_the_master_does_not_know(self) -> None:
        story = running(settings={"unknown_timeout": 1000})
        kill(story)
        story.answer(story.only.tasks[0].id, C.UNKNOWN)
        assert not story.told(Shutdown, story.wait(500))

    def test_it_ends_after_a_restart_too(self) -> None:
        story = running()
        kill(story)
        story.wait(SHUTDOWN_AFTER - 5)
        story = story.restart()
        story.subscribe()
        assert story.told(Shutdown, story.wait(SHUTDOWN_AFTER + 1))

    @pytest.mark.parametrize("stuck", [C.PROVISIONED, C.STAGING])
    def test_one_that_never_begins(self, stuck: Condition) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.offer()
        if stuck is C.STAGING:
            story.all_tasks(C.STAGING)
        story.wait(299)
        assert not story.ever(Kill)
        frame = story.wait(100)
        assert len(story.told(Kill, frame)) == 10
        assert bool(story.told(Shutdown, frame)) is (stuck is C.STAGING)

    def test_the_status_says_so(self) -> None:
        story = running(containers=[container("one", **graceful(20))])
        kill(story)
        [shown] = pod_status(story.world, story.pod, story.now)["instances"]
        assert (shown["status"], shown.get("message")) == ("STABLE", None), "as Marathon has it, while nothing is odd"
        story.wait(10)
        [shown] = pod_status(story.world, story.pod, story.now)["instances"]
        assert shown["status"] == "TERMINAL"
        assert shown["message"] == f"kill sent 2 times since {timestamp(NOON)}; containers have 20 s to stop"
        frame = story.wait(50)
        status = pod_status(story.world, story.pod, story.now)
        assert (status["status"], status["instances"][0]["status"]) == ("DEGRADED", "TERMINAL")
        assert status["instances"][0]["message"] == (
            f"kill sent 7 times since {timestamp(NOON)}; "
            "the executor does not respond, its agent was asked 2 times to shut it down"
        )
        assert [each["killsSent"] for each in published(frame, "executor_unresponsive_event")] == [5], "said once"

    def test_a_deployment_that_removes_its_pod_says_so(self) -> None:
        story = running()
        story.remove()
        [action] = deployment_view(story.world, story.deployment, with_extras=True)["currentActions"]
        assert "notEnding" not in action["podexec"]
        story.wait(60)
        [action] = deployment_view(story.world, story.deployment, with_extras=True)["currentActions"]
        [told] = action["podexec"]["notEnding"]
        assert told["id"] == story.only.id
        assert "the executor does not respond" in told["message"]


def test_a_kill_under_way_is_sent_again_by_a_restarted_scheduler_also_to_a_pod_that_is_ending() -> None:
    story = running(containers=PAIR)
    one, two = story.only.tasks
    story.request(InstancesKilled, "/shop/web", (story.only.id,))
    story.update(one.id, C.KILLED)
    story = story.restart()
    story.subscribe()

    assert [each.task_id for each in story.ever(Kill)] == [two.id]
