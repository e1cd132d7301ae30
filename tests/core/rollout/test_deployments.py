"""Deployments: their plans, their progress, and how they are paused, cancelled and rolled back.

| asked | steps |
|---|---|
| a new pod | StartPod, ScalePod |
| another number of instances | ScalePod |
| a change that restarts instances | RestartPod; ScalePod for zero instances |
| a change that affects only later launches, or no change | none: it finishes at once |
| a removal | StopPod |
"""

from typing import Any

import pytest
from msgspec.structs import replace

from scheduler.core.effects import Done, Kill, Refused, Revive
from scheduler.core.events import (
    DeploymentCancelled,
    DeploymentPaused,
    DeploymentResumed,
    GroupDeleted,
    PodDeleted,
    PodPosted,
    PodPut,
    Rollout,
    Subscribed,
)
from scheduler.core.facts.conditions import condition
from scheduler.core.frame import Frame
from scheduler.model.records import Condition, Goal, Instance, Pod, PodChange
from scheduler.store.references import check_references
from tests.core.support import FRAMEWORK, Story, container, definition, groups, published, running

C = Condition
NEW: dict[str, Any] = {"environment": {"VERSION": "2"}}
NEWER: dict[str, Any] = {"environment": {"VERSION": "3"}}


def without_history(pod: Pod) -> Pod:
    """The pod without who changed it."""
    return replace(pod, history=(), story=())


def cancel(story: Story, *, rollback: bool = True) -> Frame:
    """A user cancels the one deployment."""
    return story.request(DeploymentCancelled, story.deployment.id, rollback=rollback)


def pause(story: Story) -> Frame:
    """A user pauses the one deployment."""
    return story.request(DeploymentPaused, story.deployment.id)


def resume(story: Story) -> Frame:
    """A user resumes it."""
    return story.request(DeploymentResumed, story.deployment.id)


def wanted(story: Story, pod_id: str = "/shop/web") -> list[Instance]:
    """The instances of a pod with the goal Running."""
    return [each for each in story.world.instances_of(pod_id) if each.goal is Goal.RUNNING]


def ids(instances: list[Instance]) -> set[str]:
    """Their ids."""
    return {each.id for each in instances}


def steps(frame: Frame) -> list[list[tuple[str, str]]]:
    """The plan of the deployment that a frame starts."""
    plan = published(frame, "deployment_info")[0]["plan"]
    return [[(each["action"], each["pod"]) for each in step["actions"]] for step in plan["steps"]]


def is_done(story: Story) -> bool:
    """Whether there is no deployment, and every instance is running as defined."""
    return not story.world.deployments and all(
        condition(each) is C.RUNNING and each.config_version == story.world.pods[each.pod_id].config_version
        for each in story.instances
    )


class TestPlan:
    def test_of_a_new_pod(self) -> None:
        story = Story()

        assert steps(story.post(definition())) == [[("StartPod", "/shop/web")], [("ScalePod", "/shop/web")]]

    @pytest.mark.parametrize(
        ("change", "action"),
        [
            (NEW, "RestartPod"),
            ({"instances": 5}, "ScalePod"),
            ({"instances": 1}, "ScalePod"),
            ({"instances": 0}, "ScalePod"),
            ({"instances": 5, **NEW}, "RestartPod"),
            ({"instances": 0, **NEW}, "ScalePod"),
        ],
    )
    def test_of_a_change(self, change: dict[str, Any], action: str) -> None:
        story = running(instances=2)

        assert steps(story.put(definition(**{"instances": 2, **change}))) == [[(action, "/shop/web")]]

    def test_of_a_removal(self) -> None:
        assert steps(running().remove()) == [[("StopPod", "/shop/web")]]

    @pytest.mark.parametrize(
        "change",
        [{}, {"executorResources": {"cpus": 0.5}}, {"scheduling": {"killSelection": "OLDEST_FIRST"}}],
    )
    def test_of_a_change_that_moves_nothing(self, change: dict[str, Any]) -> None:
        story = running(instances=2)
        frame = story.put(definition(**{"instances": 2, **change}))

        assert isinstance(story.reply(frame), Done)
        assert [each["plan"]["steps"] for each in published(frame, "deployment_success")] == [[]]
        assert not published(frame, "deployment_info", "deployment_step_success")
        assert story.world.deployments == {}

    def test_a_change_that_restarts_a_pod_without_instances_moves_nothing(self) -> None:
        story = running(instances=0)
        frame = story.put(definition(instances=0, **NEW))

        assert published(frame, "deployment_success")
        assert story.pod.config_version == story.pod.version

    def test_it_is_stored_with_what_was_before(self) -> None:
        story = running()
        before = story.pod
        story.wait(1)
        story.put(definition(**NEW), batch_size=3, deadline=60)
        deployment = story.deployment

        assert deployment.changes == (
            PodChange("/shop/web", (before.version, before.config_version), story.pod.version),
        )
        assert (deployment.batch_size, deployment.deadline, deployment.reverts) == (3, story.now + 60, None)
        assert deployment in story.stored.values()


class TestConflict:
    """A pod is changed by one deployment at a time."""

    @pytest.mark.parametrize(
        "ask",
        [
            lambda story, rollout: story.request(PodPut, definition(**NEWER), rollout),
            lambda story, rollout: story.request(PodDeleted, "/shop/web", rollout),
            lambda story, rollout: story.request(GroupDeleted, "/shop", rollout),
        ],
        ids=["put", "delete", "group"],
    )
    def test_another_change_is_refused_unless_it_is_forced(self, ask: Any) -> None:
        story = running()
        story.put(definition(**NEW))
        first = story.deployment
        frame = ask(story, Rollout())
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert (answer.kind, answer.deployments) == ("locked", (first.id,))
        assert first.id in answer.message
        assert "force=true" in answer.message
        assert frame.changes == ()
        assert isinstance(story.reply(ask(story, Rollout(force=True))), Done)
        assert first.id not in story.world.deployments

    def test_a_pod_that_is_being_removed_is_locked_too(self) -> None:
        story = running()
        story.remove()
        answer = story.reply(story.request(PodPosted, definition(), Rollout()))

        assert isinstance(answer, Refused)
        assert (answer.kind, answer.deployments) == ("locked", (story.deployment.id,))

    def test_a_forced_change_begins_from_what_is_there(self) -> None:
        story = running(instances=2)
        old = ids(story.instances)
        story.put(definition(instances=2, **NEW))
        story.offer("A2", cpus=0.2)
        (launched,) = [each for each in story.instances if each.tasks and each.id not in old]
        frame = story.put(definition(instances=2, **NEWER))

        assert published(frame, "deployment_failed")[0]["reason"] == "cancelled by a later change with force=true"
        assert story.world.instances[launched.id].goal is Goal.DECOMMISSIONED, "it is of a version between"
        story.go_well()
        assert is_done(story)
        assert not ids(story.instances) & {*old, launched.id}

    def test_the_same_definition_is_no_conflict(self) -> None:
        story = running()
        story.put(definition(**NEW))
        first = story.deployment
        answer = story.reply(story.request(PodPut, definition(**NEW), Rollout()))

        assert isinstance(answer, Done)
        assert answer.deployment_id == first.id, "whoever waits for it waits for the right one"

    def test_other_pods_are_not_locked(self) -> None:
        story = running()
        story.put(definition(**NEW))

        assert isinstance(story.reply(story.request(PodPosted, definition(id="/other"), Rollout())), Done)

    def test_the_number_of_running_deployments_is_limited(self) -> None:
        story = Story(max_running_deployments=2)
        for name in ("/a", "/b"):
            story.request(PodPosted, definition(id=name), Rollout())
        frame = story.request(PodPosted, definition(id="/c"), Rollout())
        answer = story.reply(frame)

        assert isinstance(answer, Refused)
        assert answer.kind == "busy"
        assert answer.message.startswith("2 deployments are running")
        assert frame.changes == ()
        forced = story.request(PodPut, definition(id="/b", instances=2), Rollout(force=True))
        assert isinstance(story.reply(forced), Done), "it takes the place of another"


class TestEnd:
    """A deployment is finished when all instances are as defined."""

    def test_of_a_new_pod_without_health_checks_when_all_run(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(instances=2))
        story.offer()
        first, second = story.instances
        story.all_tasks(C.RUNNING, [first])
        assert story.deployment.step == 2
        story.all_tasks(C.STARTING, [second])
        assert story.world.deployments
        story.all_tasks(C.RUNNING, [second])

        assert story.world.deployments == {}

    def test_with_health_checks_when_all_are_healthy(self) -> None:
        check = {"healthCheck": {"exec": {"command": {"shell": "true"}}}}
        story = Story()
        story.subscribe()
        story.post(definition(container("checked", **check), container("plain")))
        story.offer()
        story.all_tasks(C.RUNNING)
        assert story.world.deployments
        story.update(story.only.tasks[0].id, C.RUNNING, healthy=False)
        assert story.world.deployments
        story.update(story.only.tasks[0].id, C.RUNNING, healthy=True)

        assert story.world.deployments == {}

    def test_of_scaling_down_when_the_surplus_is_gone(self) -> None:
        story = running(instances=3)
        story.put(definition(instances=1))
        first, second = [each for each in story.instances if each.goal is Goal.DECOMMISSIONED]
        story.all_tasks(C.KILLED, [first])
        assert story.world.deployments
        story.all_tasks(C.KILLED, [second])

        assert story.world.deployments == {}

    def test_of_a_restart_when_the_new_ones_are_ready_and_the_old_ones_gone(self) -> None:
        story = running()
        (old,) = story.instances
        story.put(definition(**NEW))
        story.offer()
        (new,) = [each for each in story.instances if each.id != old.id]
        story.all_tasks(C.RUNNING, [new])
        assert story.world.deployments, "the old one is still ending"
        story.all_tasks(C.KILLED, [story.world.instances[old.id]])

        assert story.world.deployments == {}

    def test_of_a_removal_when_nothing_is_left(self) -> None:
        story = running(instances=2)
        story.remove()
        first, second = story.instances
        story.all_tasks(C.KILLED, [first])
        assert story.world.deployments
        frame = story.update(second.tasks[0].id, C.KILLED)

        assert [each["eventType"] for each in published(frame)][-2:] == [
            "deployment_step_success",
            "deployment_success",
        ]
        assert story.world.deployments == {}

    @pytest.mark.parametrize("change", [{"instances": 1}, {"instances": 2, **NEW}])
    def test_an_unreachable_decommissioned_instance_delays_nothing(self, change: dict[str, Any]) -> None:
        """Even if the master knows that one of its containers has ended."""
        strategy: dict[str, Any] = {"scheduling": {"unreachableStrategy": "disabled"}}
        pair = [container("one"), container("two")]
        story = running(instances=2, containers=pair, **strategy)
        lost = story.instances[0]
        story.update(lost.tasks[0].id, C.UNREACHABLE)
        story.update(lost.tasks[1].id, C.GONE)
        story.put(definition(containers=pair, **change, **strategy))
        for _ in range(5):
            story.offer("A2", cpus=10)
            story.all_tasks(C.RUNNING, [each for each in wanted(story) if each.id != lost.id])
            rest = [each for each in story.instances if each.goal is Goal.DECOMMISSIONED and each.id != lost.id]
            story.all_tasks(C.KILLED, rest)

        assert story.world.deployments == {}
        assert story.world.instances[lost.id].goal is Goal.DECOMMISSIONED

    def test_of_a_pod_without_instances_at_once(self) -> None:
        story = Story()
        frame = story.post(definition(instances=0))

        assert published(frame, "deployment_success")
        assert published(story.remove(), "deployment_success")
        assert story.world.deployments == {}


class TestStop:
    """Cancelled without a rollback: changes already made are kept."""

    def test_an_update_leaves_old_and_new(self) -> None:
        story = running(instances=2)
        old = ids(story.instances)
        story.put(definition(instances=2, **NEW), batch_size=1)
        deployment_id = story.deployment.id
        story.offer("A2")
        answer = story.reply(cancel(story, rollback=False))
        story.go_well()

        assert isinstance(answer, Done)
        assert answer.deployment_id == deployment_id
        assert story.world.deployments == {}
        assert len(story.instances) == 2, "only the number is kept"
        assert len(old & ids(story.instances)) == 2, "those that were ready already"
        assert story.pod.config_version == story.pod.version

    def test_an_old_instance_that_ends_is_launched_again_as_it_was(self) -> None:
        story = running(scheduling={"backoff": {"backoff": 0}})
        before = story.only
        story.put(definition(scheduling={"backoff": {"backoff": 0}}, **NEW))
        cancel(story, rollback=False)
        (kept,) = wanted(story)
        assert kept.id == before.id, "what is not ready goes first"
        story.all_tasks(C.FAILED, [kept])
        (group,) = groups(story.offer("A2"))
        variables = group["task_group"]["tasks"][0]["command"]["environment"]["variables"]

        assert story.only.version == before.version
        assert {each["name"] for each in variables}.isdisjoint({"VERSION"})

    def test_the_same_definition_again_takes_it_up(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=2, **NEW))
        version = story.pod.version
        cancel(story, rollback=False)
        story.wait(10)
        frame = story.put(definition(instances=2, **NEW))

        assert steps(frame) == [[("RestartPod", "/shop/web")]]
        assert story.pod.version == version, "it is no new version"
        assert len(story.world.versions("/shop/web")) == 2
        story.go_well()
        assert is_done(story)

    def test_scaling_takes_it_up_too(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=2, **NEW))
        cancel(story, rollback=False)

        assert steps(story.put(definition(instances=3, **NEW))) == [[("RestartPod", "/shop/web")]]
        story.go_well()
        assert is_done(story)
        assert len(story.instances) == 3

    def test_a_removal_continues_without_it(self) -> None:
        story = running(instances=2)
        story.remove()
        cancel(story, rollback=False)
        story.go_well()

        assert (story.world.pods, story.world.instances, story.world.definitions) == ({}, {}, {})

    def test_one_that_is_not_there(self) -> None:
        story = running()
        for kind in (DeploymentCancelled, DeploymentPaused, DeploymentResumed):
            frame = story.request(kind, "nobody")
            assert story.reply(frame) == Refused("absent", "Deployment 'nobody' does not exist")
            assert frame.changes == ()


class TestRollback:
    def test_a_new_pod_is_removed(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(instances=2))
        story.offer(cpus=0.3)
        first = story.deployment
        frame = cancel(story)
        answer = story.reply(frame)

        assert isinstance(answer, Done)
        assert story.deployment.reverts == first.id
        assert answer.deployment_id == story.deployment.id
        assert steps(frame) == [[("StopPod", "/shop/web")]]
        assert story.world.pods == {}
        story.go_well()
        assert (story.world.instances, story.world.definitions, story.world.deployments) == ({}, {}, {})

    def test_what_ran_before_an_update_is_current_again_and_not_replaced(self) -> None:
        story = running(instances=3)
        before, old = story.pod, ids(story.instances)
        story.put(definition(instances=3, **NEW))
        story.offer("A2", cpus=0.4)
        new = [each for each in story.instances if each.id not in old]
        story.all_tasks(C.RUNNING, new[:1])
        survivors = ids(wanted(story)) & old
        assert len(survivors) == 2, "one was replaced"
        frame = cancel(story)

        assert steps(frame) == [[("RestartPod", "/shop/web")]]
        assert (story.pod.version, story.pod.config_version) == (before.version, before.config_version)
        story.go_well()
        assert is_done(story)
        assert survivors < ids(story.instances)
        assert not ids(new) & ids(story.instances)
        assert len(story.instances) == 3

    def test_a_scaling_is_undone(self) -> None:
        story = running(instances=2)
        before, old = story.pod, ids(story.instances)
        story.put(definition(instances=4))
        frame = cancel(story)

        assert steps(frame) == [[("ScalePod", "/shop/web")]]
        assert without_history(story.pod) == without_history(before)
        story.go_well()
        assert is_done(story)
        assert ids(story.instances) == old

    def test_a_scaling_down_is_undone(self) -> None:
        story = running(instances=3)
        old = ids(story.instances)
        story.put(definition(instances=1))
        cancel(story)
        assert len(wanted(story)) == 3
        story.go_well()

        assert is_done(story)
        assert len(old & ids(story.instances)) == 1

    def test_a_removal_is_undone(self) -> None:
        story = running(instances=2)
        before = story.pod
        story.remove()
        frame = cancel(story)

        assert steps(frame) == [[("StartPod", "/shop/web")], [("ScalePod", "/shop/web")]]
        assert (story.pod.version, story.pod.config_version) == (before.version, before.config_version)
        assert story.world.current(story.pod).scaling.instances == 2
        story.go_well()
        assert is_done(story)
        assert len(story.instances) == 2

    def test_what_is_changed_later_elsewhere_is_kept(self) -> None:
        story = running()
        story.put(definition(**NEW))
        deployment_id = story.deployment.id
        story.post(definition(id="/other"))
        story.request(DeploymentCancelled, deployment_id)

        assert set(story.world.pods) == {"/shop/web", "/other"}

    def test_it_asks_for_offers_again_as_what_was_refused_may_fit_now(self) -> None:
        story = running(instances=1)
        story.put(definition(instances=2, executorResources={"cpus": 10_000}))
        story.offer()
        story.wait(60)
        story.put(definition(instances=3, executorResources={"cpus": 10_000}))
        story.wait(60)

        assert story.told(Revive, cancel(story))

    def test_it_cancels_with_a_reason(self) -> None:
        story = running()
        story.put(definition(**NEW))
        first = story.deployment.id
        (failed,) = published(cancel(story), "deployment_failed")

        assert (failed["id"], failed["reason"]) == (first, "rolled back on request")

    def test_of_a_rollback_is_the_change_again(self) -> None:
        story = running()
        story.put(definition(**NEW))
        changed = story.pod
        story.offer("A2")
        cancel(story)
        cancel(story)
        story.go_well()

        assert is_done(story)
        assert without_history(story.pod) == without_history(changed)

    def test_of_a_rollback_of_a_new_pod_creates_it_again(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition())
        story.offer()
        cancel(story)
        cancel(story)
        story.go_well()

        assert is_done(story)
        assert len(story.instances) == 1

    def test_a_version_that_was_rolled_back_stays_in_the_history_and_the_next_is_later(self) -> None:
        story = running()
        first = story.pod.version
        story.put(definition(**NEW))
        undone = story.pod.version
        cancel(story)
        assert story.pod.version == first
        story.put(definition(**NEWER))

        assert story.world.versions("/shop/web") == [first, undone, story.pod.version]
        assert first < undone < story.pod.version


class TestPause:
    def test_nothing_is_replaced_until_it_is_resumed(self) -> None:
        story = running(instances=2)
        old = ids(story.instances)
        story.put(definition(instances=2, **NEW))
        story.offer("A2", cpus=0.4)
        pause(story)
        new = [each for each in story.instances if each.id not in old]
        story.all_tasks(C.RUNNING, new)
        assert ids(wanted(story)) == old | ids(new)
        assert not story.told(Kill, story.wait(100))
        frame = resume(story)
        assert len(story.told(Kill, frame)) == 2

        story.go_well()
        assert is_done(story)

    def test_what_ends_meanwhile_is_launched_again_as_it_was(self) -> None:
        story = running(scheduling={"backoff": {"backoff": 0}})
        before = story.only
        story.put(definition(scheduling={"backoff": {"backoff": 0}}, **NEW))
        pause(story)
        story.all_tasks(C.FAILED, [before])

        after = story.world.instances[before.id]
        assert (after.goal, after.version, after.tasks) == (Goal.RUNNING, before.version, ())

    def test_what_is_lost_for_good_meanwhile_is_started_as_it_was(self) -> None:
        scheduling = {"upgrade": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}}
        story = running(instances=2, scheduling=scheduling)
        before, old = story.pod, ids(story.instances)
        story.put(definition(instances=2, scheduling=scheduling, **NEW))
        pause(story)
        story.all_tasks(C.KILLED, [each for each in story.instances if each not in wanted(story)])
        story.all_tasks(C.UNREACHABLE, wanted(story))

        assert [each.version for each in wanted(story)] == [before.version] * 2
        assert not ids(wanted(story)) & old

    def test_what_still_ends_counts_for_what_may_be_started_meanwhile(self) -> None:
        scheduling = {"upgrade": {"minimumHealthCapacity": 0.25, "maximumOverCapacity": 0.25}}
        story = running(instances=4, scheduling=scheduling)
        before = story.pod
        story.put(definition(instances=4, scheduling=scheduling, **NEW))
        new = [each for each in story.instances if each.version != before.version]
        ending = [each for each in story.instances if each not in wanted(story)]
        assert (len(new), len(ending), len(story.instances)) == (1, 3, 5)
        pause(story)
        for count, each in enumerate(ending, 1):
            story.wait(1)
            assert len(story.instances) == 5, "five is the most"
            story.all_tasks(C.KILLED, [each])
            assert len(wanted(story)) == min(4, 2 + count)

    def test_it_is_not_done_while_it_is_held(self) -> None:
        story = running(instances=2)
        story.put(definition(instances=3))
        story.offer()
        pause(story)
        story.all_tasks(C.RUNNING)
        assert story.deployment.paused
        resume(story)

        assert story.world.deployments == {}

    def test_it_may_be_asked_for_twice(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        pause(story)
        story.wait(10)
        again = pause(story)
        assert isinstance(story.reply(again), Done)
        assert again.changes == ()
        assert story.deployment.time_left == 60
        resume(story)
        again = resume(story)

        assert isinstance(story.reply(again), Done)
        assert again.changes == ()

    def test_it_is_remembered_over_a_restart(self) -> None:
        story = running()
        old = ids(story.instances)
        story.put(definition(**NEW))
        story.offer("A2")
        pause(story)
        story = story.restart()
        story.subscribe()
        story.all_tasks(C.RUNNING)
        assert old < ids(wanted(story))
        resume(story)
        story.go_well()

        assert is_done(story)

    def test_it_may_be_ended_while_it_is_held(self) -> None:
        story = running(instances=2)
        old = ids(story.instances)
        story.put(definition(instances=2, **NEW))
        pause(story)
        cancel(story)
        story.go_well()

        assert is_done(story)
        assert ids(story.instances) == old


class TestDeadline:
    def test_what_is_not_done_by_then_is_rolled_back(self) -> None:
        story = running()
        before, old = story.pod, ids(story.instances)
        story.put(definition(**NEW), deadline=60)
        first = story.deployment.id
        assert not published(story.wait(59.9), "deployment_failed")
        (failed,) = published(story.wait(0.1), "deployment_failed")

        assert (failed["id"], failed["reason"]) == (first, "not finished by its deadline, rolled back")
        assert story.pod.version == before.version
        story.go_well()
        assert is_done(story)
        assert ids(story.instances) == old

    def test_what_is_done_by_then_stays(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        changed = story.pod
        story.go_well()
        story.wait(100)

        assert is_done(story)
        assert without_history(story.pod) == without_history(changed)

    def test_a_rollback_has_none(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        story.offer("A2")
        story.wait(60)

        assert story.deployment.reverts is not None
        assert story.deployment.deadline is None

    def test_it_stands_still_while_the_deployment_is_held(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        story.offer("A2")
        first = story.deployment.id
        story.wait(20)
        pause(story)
        assert (story.deployment.deadline, story.deployment.time_left) == (None, 40)
        story.wait(1000)
        assert story.deployment.id == first
        resume(story)
        assert (story.deployment.deadline, story.deployment.time_left) == (story.now + 40, None)
        story.wait(39.9)
        assert story.deployment.id == first
        story.wait(0.1)

        assert story.deployment.reverts == first

    @pytest.mark.parametrize("down", [10, 100])
    def test_it_is_kept_over_a_restart(self, down: float) -> None:
        story = running()
        before = story.pod.version
        story.put(definition(**NEW), deadline=60)
        story = story.restart()
        story.now += down
        story.subscribe()
        assert story.pod.version != before
        story.wait(max(0, 60 - down))

        assert story.pod.version == before

    def test_the_time_left_is_kept_over_a_restart(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        first = story.deployment.id
        story.wait(20)
        pause(story)
        story = story.restart()
        story.subscribe()
        story.wait(500)
        resume(story)

        assert story.deployment.id == first
        assert story.deployment.deadline == story.now + 40

    def test_the_deadline_of_a_deployment_that_was_replaced_does_not_apply(self) -> None:
        story = running()
        story.put(definition(**NEW), deadline=60)
        story.put(definition(**NEWER))
        story.wait(100)

        assert story.deployment.reverts is None


class TestBatches:
    @pytest.mark.parametrize("batch", [1, 2, 3])
    @pytest.mark.parametrize(("minimum", "over"), [(0, 0), (0.5, 0), (1, 0), (0, 1), (1, 1)])
    def test_the_batch_size_limits_replacements(self, batch: int, minimum: float, over: float) -> None:
        upgrade = {"upgrade": {"minimumHealthCapacity": minimum, "maximumOverCapacity": over}}
        story = running(instances=5, scheduling=upgrade)
        old = ids(story.instances)
        story.put(definition(instances=5, scheduling=upgrade, **NEW), batch_size=batch)
        for _ in range(30):
            ending = [each for each in story.instances if each.goal is not Goal.RUNNING]
            coming = [each for each in wanted(story) if each.id not in old and condition(each) is not C.RUNNING]
            assert len(coming) + len(ending) <= batch
            story.offer("A2", cpus=100)
            for each in (*ending, *coming)[:1]:
                story.all_tasks(
                    C.KILLED if each.goal is not Goal.RUNNING else C.RUNNING, [story.world.instances[each.id]]
                )

        assert is_done(story)
        assert not old & ids(story.instances)

    def test_a_rollback_goes_by_the_same_batches(self) -> None:
        story = running(instances=4)
        story.put(definition(instances=4, **NEW), batch_size=2)
        story.offer("A2")
        cancel(story)

        assert story.deployment.batch_size == 2

    def test_scaling_has_none(self) -> None:
        story = running(instances=1)
        story.put(definition(instances=5), batch_size=1)

        assert len(story.instances) == 5


class TestSteps:
    """A deployment is resumed whenever the scheduler is restarted."""

    @pytest.mark.parametrize("moment", range(12))
    def test_an_update_continues_after_a_restart_at_any_moment(self, moment: int) -> None:
        story = running(instances=2)
        old = ids(story.instances)
        story.put(definition(instances=2, **NEW), batch_size=1)
        deployment_id = story.deployment.id
        for number in range(40):
            if number == moment:
                story = story.restart()
                story.subscribe()
            self.one_thing_happens(story)

        assert is_done(story)
        assert not old & ids(story.instances)
        assert len(story.instances) == 2
        assert [each for each in story.stored.values() if getattr(each, "id", "") == deployment_id] == []

    @pytest.mark.parametrize("moment", range(8))
    def test_a_group_ends_in_order_over_a_restart_at_any_moment(self, moment: int) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/g/db"))
        story.post(definition(id="/g/app", dependencies=["/g/db"]))
        story.go_well(4)
        assert is_done(story)
        story.request(GroupDeleted, "/g", Rollout())
        for number in range(12):
            if number == moment:
                story = story.restart()
                story.subscribe()
            if wanted(story, "/g/db"):
                assert story.world.instances_of("/g/app") or story.deployment.step == 2
            self.one_thing_happens(story)

        assert story.world.instances == {}
        assert story.world.deployments == {}

    @staticmethod
    def one_thing_happens(story: Story) -> None:
        """Let the first outstanding thing happen."""
        for each in story.instances:
            for task in each.tasks:
                if each.goal is not Goal.RUNNING:
                    story.update(task.id, C.KILLED)
                    return
                if task.condition is not C.RUNNING:
                    story.update(task.id, C.RUNNING)
                    return
        story.offer("A2", cpus=0.2)

    def test_a_step_begins_when_the_one_before_is_done(self) -> None:
        story = Story()
        story.subscribe()
        for name, needs in (("/g/a", []), ("/g/b", ["/g/a"]), ("/g/c", ["/g/b"]), ("/g/d", [])):
            story.post(definition(id=name, dependencies=needs))
        story.go_well(6)
        frame = story.request(GroupDeleted, "/g", Rollout())
        assert steps(frame) == [
            [("StopPod", "/g/c")],
            [("StopPod", "/g/b")],
            [("StopPod", "/g/a"), ("StopPod", "/g/d")],
        ]
        ended = []
        while story.world.deployments:
            going = [each for each in story.instances if each.goal is Goal.DECOMMISSIONED]
            ended.append(sorted(each.pod_id for each in going))
            story.all_tasks(C.KILLED, going)

        assert ended == [["/g/c"], ["/g/b"], ["/g/a", "/g/d"]]

    @pytest.mark.parametrize(("asked", "kept"), [(1, 1), (4, 2)])
    def test_what_is_lost_before_its_step_is_started_as_it_was_and_no_more_than_that(
        self, asked: int, kept: int
    ) -> None:
        story = running(instances=2)
        before = story.pod
        story.put(definition(id="/shop/db"))
        story.put(definition(instances=asked, dependencies=["/shop/db"], **NEW))
        story.all_tasks(C.UNREACHABLE, wanted(story))

        assert [each.version for each in wanted(story) if not each.inactive] == [before.version] * kept


class TestGroup:
    def test_every_pod_below_is_removed_and_no_other(self) -> None:
        story = Story()
        for name in ("/g/a", "/g/h/b", "/gg/c", "/h"):
            story.post(definition(id=name))
        answer = story.reply(story.request(GroupDeleted, "/g", Rollout(force=True)))

        assert isinstance(answer, Done)
        assert set(story.world.pods) == {"/gg/c", "/h"}

    def test_one_without_pods_does_not_exist(self) -> None:
        story = running()
        frame = story.request(GroupDeleted, "/nobody", Rollout())

        assert story.reply(frame) == Refused("absent", "Group '/nobody' does not exist")

    def test_what_waits_for_an_offer_does_not_wait_for_its_turn_to_end(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/g/db"))
        story.post(definition(id="/g/app", dependencies=["/g/db"]))
        story.go_well(4)
        (database,) = story.world.instances_of("/g/db")
        story.put(definition(id="/g/db", instances=3))
        story.request(GroupDeleted, "/g", Rollout(force=True))
        assert not groups(story.offer("A2"))

        assert [each.id for each in story.world.instances_of("/g/db")] == [database.id]
        assert story.world.instances[database.id].goal is Goal.RUNNING, "its turn comes when nobody needs it any more"

    def test_its_removal_is_undone_completely_even_if_it_had_not_started(self) -> None:
        story = Story()
        story.subscribe()
        story.post(definition(id="/g/db"))
        story.post(definition(id="/g/app", dependencies=["/g/db"]))
        story.go_well(4)
        (database,) = story.world.instances_of("/g/db")
        story.request(GroupDeleted, "/g", Rollout())
        frame = cancel(story)

        assert steps(frame) == [
            [("StartPod", "/g/db"), ("StartPod", "/g/app")],
            [("ScalePod", "/g/db")],
            [("ScalePod", "/g/app")],
        ]
        story.go_well()
        assert is_done(story)
        assert [each.id for each in story.world.instances_of("/g/db")] == [database.id], "its turn had not come"

    def test_a_pod_that_is_created_again_leaves_the_others_to_end(self) -> None:
        story = Story()
        story.subscribe()
        for name in ("/g/a", "/g/b"):
            story.post(definition(id=name))
        story.go_well(3)
        story.request(GroupDeleted, "/g", Rollout())
        story.post(definition(id="/g/a"))
        story.go_well()

        assert set(story.world.pods) == {"/g/a"}
        assert is_done(story)
        assert [each.pod_id for each in story.instances] == ["/g/a"]

    def test_cancelling_its_removal_ends_the_others_at_once_and_on_record(self) -> None:
        """Also while a restarted scheduler decides nothing yet: a store that says neither could not be opened again."""
        story = Story()
        story.subscribe()
        story.post(definition(id="/g/db"))
        story.post(definition(id="/g/app", dependencies=["/g/db"]))
        story.go_well(4)
        story.request(GroupDeleted, "/g", Rollout())
        story = story.restart()
        story.tell(Subscribed(FRAMEWORK, "master:5050", "1.11.0"))
        check_references(list(story.stored.values()))
        story.request(DeploymentCancelled, story.deployment.id, rollback=False)

        check_references(list(story.stored.values()))
        assert {each.goal for each in story.instances} == {Goal.DECOMMISSIONED}
