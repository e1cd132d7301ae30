"""Relaunches: incarnations, back-off, and the record of the end."""

from typing import Any

import pytest

from scheduler.core.effects import Accept, Done, Kill, Refused, Revive
from scheduler.core.events import DelayReset, DeploymentCancelled
from scheduler.core.queues import Delay, queue_of
from scheduler.model.records import Condition, Goal, Instance
from tests.core.support import Story, container, definition, groups, running

C = Condition
PAIR = [container("one"), container("two")]


def fail(story: Story) -> float:
    """Have the one instance end, and launch it again as soon as it may be; the pause that took."""
    story.all_tasks(C.FAILED)
    start = story.now
    while not story.told(Accept, story.offer()):
        deadline = story.world.next_deadline()
        assert deadline is not None, "nothing would ever launch it again"
        story.wait(deadline - story.now)
    story.all_tasks(C.RUNNING)
    return round(story.now - start, 3)


def test_a_failed_container_ends_the_incarnation_and_the_next_has_new_ids() -> None:
    story = running(containers=PAIR)
    before = story.only
    story.update(before.tasks[0].id, C.FAILED)
    assert story.only.tasks != (), "its sibling is still alive"
    story.update(before.tasks[1].id, C.KILLED)
    waiting = story.only
    assert (waiting.tasks, waiting.agent, waiting.executor_id, waiting.host_ports) == ((), None, None, ())
    story.wait(1)
    story.offer("A2")
    after = story.only

    assert (after.id, after.incarnation, after.created_at) == (before.id, 2, before.created_at)
    assert after.executor_id == f"{before.executor_id}.2"
    assert [task.id for task in after.tasks] == [f"{after.id}.one.2", f"{after.id}.two.2"]
    assert after.agent is not None
    assert after.agent.id == "A2"
    assert after.tasks[0].healthy is None


def test_a_finished_container_leaves_the_others_running() -> None:
    story = running(containers=PAIR)
    one, two = story.only.tasks
    story.update(one.id, C.FINISHED)
    assert not story.told(Kill, story.wait(1000))
    assert story.only.tasks[1].condition is C.RUNNING
    story.update(two.id, C.FINISHED)

    assert story.only.tasks == (), "a pod is to run: when all have finished it is launched again"


class TestBackoff:
    SCHEDULING = {"backoff": {"backoff": 2, "backoffFactor": 2, "maxLaunchDelay": 10}}  # noqa: RUF012 - never changed

    def test_it_grows_to_its_limit(self) -> None:
        story = running(scheduling=self.SCHEDULING)

        assert [fail(story) for _ in range(5)] == [2, 4, 8, 10, 10]

    def test_it_starts_again_after_a_quiet_time(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        assert [fail(story), fail(story)] == [2, 4]
        story.wait(10)

        assert fail(story) == 2

    def test_it_starts_again_with_a_new_definition(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        for _ in range(3):
            fail(story)
        story.all_tasks(C.FAILED)
        assert not story.told(Accept, story.offer())
        story.put(definition(scheduling=self.SCHEDULING, environment={"A": "b"}))

        assert story.told(Accept, story.offer())

    def test_it_starts_anew_when_a_cancelled_change_is_asked_for_again(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        changed = definition(scheduling=self.SCHEDULING, environment={"A": "b"})
        story.put(changed)
        story.offer()
        story.all_tasks(C.FAILED, [each for each in story.instances if each.version == story.pod.version])
        assert not story.told(Accept, story.offer())
        story.request(DeploymentCancelled, story.deployment.id, False)
        story.put(changed)

        assert story.told(Accept, story.offer())

    def test_it_holds_back_the_instances_that_wait_already(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.put(definition(instances=2, scheduling=self.SCHEDULING))
        story.all_tasks(C.FAILED)

        assert len([each for each in story.instances if not each.tasks]) == 2
        assert not story.told(Accept, story.offer())

    def test_it_is_kept_by_a_change_that_restarts_nothing(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED)
        story.put(definition(instances=2, scheduling=self.SCHEDULING))

        assert not story.told(Accept, story.offer())

    def test_it_is_the_pods(self) -> None:
        story = running(instances=2, scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED, story.instances[:1])

        assert story.world.queues.delays[queue_of(story.pod)] == Delay(2, since=story.now, until=story.now + 2)
        assert not story.told(Accept, story.offer())

    @pytest.mark.parametrize("apart", [0.0, 0.03])
    def test_instances_that_fail_together_count_once(self, apart: float) -> None:
        story = running(instances=50, scheduling=self.SCHEDULING)
        for each in list(story.instances):
            story.wait(apart)
            story.all_tasks(C.FAILED, [each])

        assert story.world.queues.delays[queue_of(story.pod)].seconds == 2
        story.wait(1.9)
        assert not story.told(Accept, story.offer(cpus=100)), "each waits at least as after a first failure"
        story.wait(0.2)
        assert len(groups(story.offer(cpus=100))) == 50
        story.all_tasks(C.FAILED)
        assert story.world.queues.delays[queue_of(story.pod)].seconds == 4, "those that were launched since count, once"

    def test_one_that_was_launched_before_does_not_count_for_the_delay_of_another(self) -> None:
        story = running(instances=2, scheduling=self.SCHEDULING)
        first, second = story.instances
        for seconds in (2, 4):
            story.all_tasks(C.FAILED, [story.world.instances[first.id]])
            story.wait(seconds)
            assert story.told(Accept, story.offer())
            story.all_tasks(C.RUNNING)
        story.all_tasks(C.FAILED, [story.world.instances[second.id]])

        delay = story.world.queues.delays[queue_of(story.pod)]
        assert (delay.seconds, delay.until) == (4, story.now + 2)

    def test_one_that_ran_for_long_starts_it_over(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        assert [fail(story), fail(story), fail(story)] == [2, 4, 8]
        story.wait(9.9)
        assert fail(story) == 10, "it failed before it had run for maxLaunchDelay"
        story.wait(10)

        assert fail(story) == 2

    def test_a_launch_late_after_the_delay_starts_it_over(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        assert [fail(story), fail(story)] == [2, 4]
        story.all_tasks(C.FAILED)
        story.wait(18)
        story.offer()
        story.all_tasks(C.FAILED)

        assert story.world.queues.delays[queue_of(story.pod)].seconds == 2

    def test_a_delay_that_elapsed_holds_back_no_later_scaling(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        assert [fail(story) for _ in range(4)] == [2, 4, 8, 10]
        for instances in (2, 3, 4):
            story.wait(1)
            story.put(definition(instances=instances, scheduling=self.SCHEDULING))
            assert len(groups(story.offer())) == 1, "what is scaled up is launched at once"
            story.all_tasks(C.RUNNING)

        assert story.world.queues.delays, "and a failure soon after would still count"

    def test_an_old_delay_is_forgotten_by_the_next_launch(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        assert [fail(story) for _ in range(4)] == [2, 4, 8, 10]
        story.wait(10)
        story.put(definition(instances=2, scheduling=self.SCHEDULING))
        story.offer()

        assert story.world.queues.delays == {}

    def test_it_is_gone_after_a_restart_of_the_scheduler(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED)
        story = story.restart()
        story.subscribe()

        assert story.told(Accept, story.offer())

    @pytest.mark.parametrize("end", [C.FAILED, C.ERROR, C.FINISHED, C.GONE, C.DROPPED])
    def test_ends_that_count(self, end: Condition) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.all_tasks(end)

        assert not story.told(Accept, story.offer())

    @pytest.mark.parametrize(("end", "started"), [(C.KILLED, True), (C.GONE, False)])
    def test_being_killed_and_never_having_started_do_not_count(self, end: Condition, started: bool) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(scheduling=self.SCHEDULING))
        story.offer()
        if started:
            story.all_tasks(C.RUNNING)
        story.all_tasks(end)

        assert story.told(Accept, story.offer())

    def test_its_end_asks_for_offers(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.wait(60)
        story.all_tasks(C.FAILED)
        assert not story.told(Revive, story.wait(1.9))

        assert story.told(Revive, story.wait(0.1))

    @pytest.mark.parametrize("step", [C.STAGING, C.STARTING, C.RUNNING])
    def test_it_begins_again_with_every_step_of_another_instance(self, step: Condition) -> None:
        story = running(instances=2, scheduling=self.SCHEDULING)
        story.put(definition(instances=3, scheduling=self.SCHEDULING))
        story.offer()
        story.all_tasks(C.FAILED, story.instances[:1])
        story.wait(1.5)
        story.all_tasks(step, story.instances[2:])
        story.wait(1.9)
        assert not story.told(Accept, story.offer())
        story.wait(0.1)

        assert story.told(Accept, story.offer())

    def test_health_is_no_step(self) -> None:
        story = running(instances=2, scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED, story.instances[:1])
        story.wait(1.5)
        story.all_tasks(C.RUNNING, story.instances[1:], healthy=True)
        story.wait(0.5)

        assert story.told(Accept, story.offer())

    def test_an_agent_that_is_drained_is_no_fault_of_the_pods(self) -> None:
        story = running(instances=2, scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED, story.instances[:1])
        assert story.world.queues.delays
        story.all_tasks(C.GONE, story.instances[1:], reason="REASON_AGENT_DRAINING")

        assert story.world.queues.delays == {}
        assert len(groups(story.offer())) == 2

    def test_nor_is_one_whose_agent_is_drained_while_a_container_fails(self) -> None:
        story = running(containers=PAIR, scheduling=self.SCHEDULING)
        one, two = story.only.tasks
        story.update(one.id, C.FAILED)
        story.update(two.id, C.GONE, reason="REASON_AGENT_DRAINING")

        assert story.told(Accept, story.offer())

    @pytest.mark.parametrize("reason", ["REASON_INVALID_OFFERS", "REASON_AGENT_DISCONNECTED", "REASON_SLAVE_REMOVED"])
    def test_a_launch_that_mesos_gives_back_is_none_either(self, reason: str) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(scheduling=self.SCHEDULING))
        story.offer()
        story.all_tasks(C.DROPPED, reason=reason)

        assert story.told(Accept, story.offer())

    def test_an_unreachable_instance_adds_none(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.all_tasks(C.UNREACHABLE)

        assert story.told(Accept, story.offer())

    def test_a_user_may_reset_it(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        fail(story)
        story.all_tasks(C.FAILED)
        story.wait(0.5)
        story.offer()
        frame = story.request(DelayReset, "/shop/web")

        assert isinstance(story.reply(frame), Done)
        assert story.told(Revive, frame) == [Revive(("*",))]
        assert story.told(Accept, story.offer())
        story.all_tasks(C.FAILED)
        assert story.world.queues.delays[queue_of(story.pod)].seconds == 2

    @pytest.mark.parametrize("pod_id", ["/nobody", "/shop/web"])
    def test_a_reset_where_nothing_waits_finds_nothing(self, pod_id: str) -> None:
        story = running()
        frame = story.request(DelayReset, pod_id)

        assert story.reply(frame) == Refused("absent", f"Pod '{pod_id}' has no instances waiting to be launched")

    @pytest.mark.parametrize(
        ("policy", "pauses"),
        [
            ({"backoff": 0}, [0, 0, 0]),
            ({"backoff": 8, "backoffFactor": 0.5}, [8, 4, 2]),
            ({"backoff": 5, "backoffFactor": 1, "maxLaunchDelay": 300}, [5, 5, 5]),
            ({}, [1, 1.15, 1.322]),
        ],
    )
    def test_any_policy_is_taken_as_it_is(self, policy: dict[str, Any], pauses: list[float]) -> None:
        story = running(scheduling={"backoff": policy})

        assert [fail(story) for _ in range(3)] == pauses

    def test_a_deleted_pods_is_forgotten(self) -> None:
        story = running(scheduling=self.SCHEDULING)
        story.all_tasks(C.FAILED)
        story.remove()
        story.wait(100)

        assert story.world.queues.delays == {}


class TestTerminations:
    def test_they_tell_when_and_why_and_how_each_container_ended(self) -> None:
        story = running(containers=PAIR)
        one, two = story.only.tasks
        started = story.now
        story.wait(5)
        story.update(two.id, C.FAILED, message="exited with 1")
        story.wait(2)
        story.update(one.id, C.KILLED, message="killed with its sibling")
        (end,) = story.world.pods["/shop/web"].terminations

        assert (end.instance_id, end.message) == (story.only.id, "exited with 1")
        assert (end.started_at, end.terminated_at) == (started, started + 7)
        assert [(task.task_id, task.condition, task.message) for task in end.tasks] == [
            (one.id, C.KILLED, "killed with its sibling"),
            (two.id, C.FAILED, "exited with 1"),
        ]

    def test_an_incarnation_starts_with_its_first_container(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(*PAIR))
        story.offer()
        one, two = story.only.tasks
        story.wait(1)
        story.update(two.id, C.RUNNING)
        story.wait(3)
        story.update(one.id, C.RUNNING)
        story.wait(5)
        story.all_tasks(C.FAILED)

        assert story.pod.terminations[0].started_at == story.now - 8

    def test_the_cause_is_the_first_of_equal_ends(self) -> None:
        story = running(containers=PAIR)
        one, two = story.only.tasks
        story.update(two.id, C.FAILED, message="first")
        story.wait(1)
        story.update(one.id, C.FAILED, message="second")

        assert story.world.pods["/shop/web"].terminations[0].message == "first"

    def test_the_last_five_are_kept_newest_last(self) -> None:
        story = running(scheduling={"backoff": {"backoff": 0}})
        for number in range(7):
            story.all_tasks(C.FAILED, message=str(number))
            story.offer()

        assert [end.message for end in story.world.pods["/shop/web"].terminations] == ["2", "3", "4", "5", "6"]

    def test_they_survive_a_restart(self) -> None:
        story = running()
        story.all_tasks(C.FAILED, message="why")

        assert [end.message for end in story.restart().world.pods["/shop/web"].terminations] == ["why"]


ENDS: list[tuple[list[Condition], str]] = [
    ([], "nothing"),
    ([C.RUNNING, C.RUNNING], "nothing"),
    ([C.RUNNING, C.FAILED], "wait"),
    ([C.KILLED, C.FAILED], "relaunch"),
]


@pytest.mark.parametrize(("conditions", "expected"), ENDS)
def test_wanted_instances_by_phase(conditions: list[Condition], expected: str) -> None:
    story = _with(conditions)
    instance = story.only

    assert instance.goal is Goal.RUNNING
    assert not story.ever(Kill)
    assert (instance.id in story.world.volatile.kills) is (expected == "wait")
    assert (instance.tasks == ()) is (expected == "relaunch" or not conditions)
    assert instance.incarnation == (1 if conditions else 0)


@pytest.mark.parametrize(
    ("conditions", "killed", "left"),
    [
        ([], 0, 0),
        ([C.RUNNING, C.RUNNING], 2, 1),
        ([C.RUNNING, C.FAILED], 1, 1),
        ([C.FINISHED, C.PROVISIONED], 1, 1),
        ([C.KILLED, C.FAILED], 0, 0),
    ],
)
def test_unwanted_instances_by_phase(conditions: list[Condition], killed: int, left: int) -> None:
    story = _with(conditions)
    frame = story.remove()

    assert len(story.told(Kill, frame)) == killed
    assert len(story.world.instances) == left
    assert all(each.goal is Goal.DECOMMISSIONED for each in story.world.instances.values())


def _with(conditions: list[Condition]) -> Story:
    """A story whose one instance's tasks have come to these conditions; none: it waits."""
    story = Story()
    story.subscribe()
    story.post(definition(containers=PAIR))
    if conditions:
        story.offer()
    for task, condition in zip(_tasks(story.only), conditions, strict=False):
        if condition is not C.PROVISIONED:
            story.update(task, condition)
    return story


def _tasks(instance: Instance) -> list[str]:
    return [task.id for task in instance.tasks]


def test_launch_groups_of_later_incarnations_are_whole() -> None:
    story = running(containers=PAIR, scheduling={"backoff": {"backoff": 0}})
    story.all_tasks(C.FAILED)
    (group,) = groups(story.offer())
    environment: list[dict[str, Any]] = group["task_group"]["tasks"][0]["command"]["environment"]["variables"]

    assert {"name": "MESOS_TASK_ID", "value": f"{story.only.id}.one.2"} in environment


def test_a_pod_whose_container_that_is_not_essential_failed_runs_on_and_no_failure_is_counted() -> None:
    story = running(containers=[container("main"), container("side", essential=False)])
    main, side = story.only.tasks
    story.update(side.id, C.FAILED)
    assert not story.told(Kill, story.wait(1000))
    story.update(main.id, C.KILLED)

    assert story.told(Accept, story.offer()), "no back-off"
