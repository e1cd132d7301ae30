"""The story of an instance, and of its pod: what is remembered, with which cause, and how much."""

from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.events import InstancesKilled, Origin
from scheduler.core.facts.story import MOST
from scheduler.model.records import Condition, Instance, What
from tests.core.invariants import assert_is_of
from tests.core.support import NOON, Story, container, definition, running
from tests.core.views.test_plan import NEW

TWO: list[Any] = [container("main"), container("log", essential=False)]


def told(instance: Instance) -> list[tuple[What, str, str]]:
    """What happened, to which container, and why."""
    return [(each.what, each.about, each.cause) for each in instance.story]


def test_an_instance_to_which_nothing_happens_has_no_story() -> None:
    story = running(instances=3)
    story.all_tasks(Condition.RUNNING, healthy=True, ready=True)
    assert [each.story for each in story.instances] == [(), (), ()]
    assert story.pod.story == ()


def test_an_incarnation_that_ended_is_remembered_with_its_course_and_cause() -> None:
    story = running()
    story.now += 5
    story.all_tasks(Condition.FAILED, message="Memory limit exceeded: [64MB]")
    assert [(each.at - NOON, each.what, each.where) for each in story.only.story] == [
        (0, What.LAUNCHED, "a1.example"),
        (0, What.RUNNING, ""),
        (5, What.ENDED, ""),
    ]
    assert story.only.story[-1].cause == "main: Memory limit exceeded: [64MB]"
    (end,) = story.pod.story
    assert (end.what, end.about, end.cause) == (What.ENDED, story.only.id, "main: Memory limit exceeded: [64MB]")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param([{"healthy": True}, {"healthy": False, "message": "503"}], [(What.UNHEALTHY, "503")], id="sick"),
        pytest.param([{"healthy": False}, {"healthy": True}], [(What.UNHEALTHY, ""), (What.HEALTHY, "")], id="cured"),
        pytest.param([{"healthy": False}, {"healthy": False}], [(What.UNHEALTHY, "")], id="still sick"),
        pytest.param([{"ready": True}, {"ready": False}], [(What.NOT_READY, "")], id="not ready"),
        pytest.param([{"ready": False}, {"ready": True}], [(What.READY, "")], id="ready after all"),
        pytest.param([{"ready": True}], [], id="ready at once"),
        pytest.param([{"restarts": 1, "message": "exited with status 3"}], [(What.RESTARTED, "exited with status 3")]),
        pytest.param([{"restarts": 2}, {"restarts": 1}], [(What.RESTARTED, "")], id="older status"),
    ],
)
def test_what_happens_to_a_running_container(changes: list[Any], expected: list[Any]) -> None:
    story = running()
    for each in changes:
        story.all_tasks(Condition.RUNNING, **each)
    assert told(story.only) == [(what, "main", cause) for what, cause in expected]


def test_an_agent_that_is_away_and_back_is_told_once_for_all_containers() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container("a"), container("b"), scheduling={"unreachableStrategy": "disabled"}))
    story.offer()
    story.all_tasks(Condition.RUNNING)
    story.all_tasks(Condition.UNREACHABLE, message="agent removed")
    assert told(story.only) == [(What.UNREACHABLE, "", "agent removed")]
    story.all_tasks(Condition.RUNNING)
    assert [each.what for each in story.only.story] == [What.UNREACHABLE, What.REACHABLE]


def test_a_replacement_of_an_unreachable_instance_is_told() -> None:
    strategy = {"unreachableStrategy": {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120}}
    story = running(scheduling=strategy)
    old = story.only.id
    story.all_tasks(Condition.UNREACHABLE)
    story.wait(61)
    assert [each.what for each in story.world.instances[old].story] == [What.UNREACHABLE, What.REPLACED]
    story.wait(60)
    assert told(story.world.instances[old])[-1] == (What.KILLED, "", "unreachable for too long")


def test_a_container_that_is_not_essential_is_told_if_it_failed() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(*TWO))
    story.offer()
    story.all_tasks(Condition.RUNNING)
    main, log = (task.id for task in story.only.tasks)
    story.update(log, Condition.FAILED, message="exited with status 9")
    assert told(story.only) == [(What.FAILED, "log", "exited with status 9")]
    assert story.world.tasks[main]


class TestKills:
    def ended(self, story: Story) -> list[tuple[str, str]]:
        """The ends in the story of the pod."""
        story.all_tasks(Condition.KILLED, [each for each in story.instances if each.killing or each.goal != "Running"])
        return [(each.what, each.cause) for each in story.pod.story]

    def test_by_a_user(self) -> None:
        story = running()
        story.request(InstancesKilled, "/shop/web", (story.only.id,), origin=Origin("10.0.0.9", "/", "ann"))
        assert told(story.only) == [(What.KILLED, "", "by ann")]
        assert self.ended(story) == [("ended", "by ann")]
        assert [each.what for each in story.only.story] == [What.LAUNCHED, What.RUNNING, What.KILLED, What.ENDED]

    def test_again_by_the_same_user_is_told_once(self) -> None:
        story = running()
        for _ in range(3):
            story.request(InstancesKilled, "/shop/web", (story.only.id,))
        assert told(story.only) == [(What.KILLED, "", "on request")]

    def test_by_scaling_down(self) -> None:
        story = running(instances=3)
        story.put(definition(instances=1))
        assert self.ended(story) == [("ended", "scaled down")] * 2

    def test_by_an_update(self) -> None:
        story = running()
        old = story.only.id
        story.put(definition(**NEW))
        story.go_well()
        assert [(each.about, each.cause) for each in story.pod.story] == [(old, "replaced by an update")]

    def test_a_failure_while_it_is_killed_is_its_cause(self) -> None:
        story = running()
        story.request(InstancesKilled, "/shop/web", (story.only.id,))
        story.all_tasks(Condition.FAILED, message="exited with status 7")
        assert story.only.story[-1].cause == "main: exited with status 7"

    def test_a_kill_of_an_earlier_incarnation_is_not_the_cause_of_a_later_end(self) -> None:
        story = running()
        story.request(InstancesKilled, "/shop/web", (story.only.id,))
        story.all_tasks(Condition.KILLED)
        story.now += 10
        story.go_well()
        story.all_tasks(Condition.KILLED, message="killed by its agent")
        assert story.only.story[-1].cause == "main: killed by its agent"


def test_a_long_wait_is_told_with_its_obstacles_once_it_is_over() -> None:
    story = Story()
    story.subscribe()
    story.post(definition(container(resources={"cpus": 2, "mem": 32})))
    story.offer(cpus=1)
    story.wait(90)
    story.offer("A2", cpus=8)
    (waited,) = story.only.story
    assert (waited.at, waited.what, waited.cause) == (NOON, What.WAITED, "InsufficientCpus")


def test_a_story_is_bounded_and_long_causes_are_cut() -> None:
    story = running()
    for number in range(MOST):
        story.all_tasks(Condition.RUNNING, healthy=False, message=f"[{number}] " + "x" * 130_000)
        story.all_tasks(Condition.RUNNING, healthy=True)
    assert len(story.only.story) == MOST
    assert story.only.story[-2].cause.startswith(f"[{MOST - 1}] ")
    assert max(len(each.cause) for each in story.only.story) <= 200
    story.all_tasks(Condition.FAILED)
    assert len(story.only.story) == MOST
    assert story.only.story[-1].what is What.ENDED


def test_what_repeats_is_counted() -> None:
    """A container that always exits with the same status, and a check that flaps."""
    story = running()
    for _ in range(30):
        story.now += 10
        story.all_tasks(Condition.FAILED, message="exited with status 1")
        story.wait(400)
        story.offer()
        story.all_tasks(Condition.RUNNING)
    assert [(each.what, each.times, each.cause) for each in story.only.story] == [
        (What.LAUNCHED, 30, ""),
        (What.RUNNING, 30, ""),
        (What.ENDED, 30, "main: exited with status 1"),
        (What.WAITED, 30, "launch back-off"),
    ]
    assert (story.only.story[0].first, story.only.story[2].first) == (NOON, NOON + 10)
    assert story.only.story[-1].at > NOON + 29 * 400
    assert [(each.what, each.times) for each in story.pod.story] == [(What.ENDED, 30)]
    for _ in range(20):
        story.all_tasks(Condition.RUNNING, healthy=False, message="503")
        story.all_tasks(Condition.RUNNING, healthy=True)
    assert [(each.what, each.times) for each in story.only.story[-2:]] == [(What.UNHEALTHY, 20), (What.HEALTHY, 20)]
    story.all_tasks(Condition.FAILED, message="exited with status 2")
    assert [each.what for each in story.only.story[-3:]] == [What.UNHEALTHY, What.HEALTHY, What.ENDED]


def test_a_pod_remembers_the_last_ends_and_writes_them_once_a_turn() -> None:
    story = running(instances=MOST + 20)
    before = len(story.frames)
    story.request(InstancesKilled, "/shop/web", tuple(each.id for each in story.instances))
    story.all_tasks(Condition.KILLED)
    assert len(story.pod.story) == MOST
    for frame in story.frames[before:]:
        keys = [getattr(change, "record", None) and change.record.id for change in frame.changes]
        assert keys.count("/shop/web") <= 1


def test_a_restarted_scheduler_remembers() -> None:
    story = running()
    story.all_tasks(Condition.FAILED, message="exited with status 1")
    again = story.restart()
    assert (again.only.story, again.pod.story) == (story.only.story, story.pod.story)
    assert_is_of(again.world, again.stored.values())


def test_a_deployments_end_is_in_the_history() -> None:
    story = running()
    story.put(definition(**NEW))
    assert [each.ended_at for each in story.pod.history] == [NOON, None]
    story.now += 3
    story.go_well()
    assert [(each.ended_at, each.failure) for each in story.pod.history] == [(NOON, ""), (NOON + 3, "")]


def test_a_deployment_that_failed_says_why() -> None:
    story = running()
    story.put(definition(**NEW), deadline=60)
    story.wait(61)
    (_, updated) = story.pod.history
    assert (updated.ended_at, updated.failure) == (NOON + 60, "not finished by its deadline, rolled back")


def test_a_change_that_needs_no_deployment_has_ended_at_once() -> None:
    story = running()
    story.put(definition(scheduling={"killSelection": "OLDEST_FIRST"}))
    assert story.pod.history[-1].ended_at == NOON
    assert replace(story.pod.history[-1], ended_at=None).failure == ""
