"""After a FAILURE event the tasks are reconciled; statuses of operations are acknowledged."""

import pytest

from scheduler.core.effects import AcknowledgeOperation, Done, Log, Reconcile, Refused
from scheduler.core.events import AgentDescribed, AgentLost, AgentsUnlisted, Event, ExecutorEnded, OperationUpdated
from scheduler.core.views.queue import queue_view
from scheduler.model.records import Condition
from tests.core.support import container, definition, running

C = Condition


class TestFailures:
    def test_the_tasks_of_a_lost_agent_that_may_be_alive_are_asked_for(self) -> None:
        story = running(instances=2, containers=[container("one"), container("two")])
        first, second = story.instances
        story.update(first.tasks[0].id, C.FINISHED)
        frame = story.tell(AgentLost("A1"))

        alive = [task.id for task in (first.tasks[1], *second.tasks)]
        assert story.told(Reconcile, frame) == [Reconcile(tuple((task_id, "A1") for task_id in alive))]
        assert frame.changes == ()

    def test_of_an_executor_only_its_own_tasks_are_asked_for(self) -> None:
        story = running(instances=2)
        first, _ = story.instances
        frame = story.tell(ExecutorEnded(str(first.executor_id), "A1", 9))

        assert story.told(Reconcile, frame) == [Reconcile(((first.tasks[0].id, "A1"),))]
        assert frame.changes == ()

    def test_what_runs_elsewhere_is_not_asked_for(self) -> None:
        story = running()

        assert story.told(Reconcile, story.tell(AgentLost("A2"))) == []
        assert story.told(Reconcile, story.tell(ExecutorEnded(str(story.only.executor_id), "A2"))) == []
        assert story.told(Reconcile, story.tell(ExecutorEnded("another", "A1"))) == []


IMAGE = container(image={"kind": "DOCKER", "id": "nginx"})


class TestForgetting:
    """Facts about an agent that is gone no longer count."""

    @pytest.mark.parametrize("gone", [AgentLost("A2"), AgentsUnlisted(frozenset({"A2"}))])
    def test_what_only_a_lost_agent_could_run_is_refused(self, gone: Event) -> None:
        story = running()
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
        story.tell(AgentDescribed("A2", frozenset({"docker/runtime"})))
        story.tell(gone)
        answer = story.reply(story.post(definition(IMAGE, id="/image")))

        assert isinstance(answer, Refused)
        assert [path for path, _ in answer.problems] == ["/containers(0)/image"]
        story.tell(AgentDescribed("A2", frozenset({"docker/runtime"})))
        assert isinstance(story.reply(story.post(definition(IMAGE, id="/image"))), Done), "it came back"

    def test_when_all_are_lost_nothing_is_known_again(self) -> None:
        story = running()
        story.tell(AgentDescribed("A1", frozenset({"posix/cpu"})))
        story.tell(AgentLost("A1"))

        assert isinstance(story.reply(story.post(definition(IMAGE, id="/image"))), Done)

    def test_agents_that_are_listed_and_offer_nothing_stay_known(self) -> None:
        story = running()
        story.tell(AgentDescribed("A1", frozenset({"docker/runtime"})))
        story.tell(AgentDescribed("A2", frozenset({"posix/cpu"})))
        story.tell(AgentsUnlisted(frozenset({"A2"})))
        story.offer("A3")

        assert isinstance(story.reply(story.post(definition(IMAGE, id="/image"))), Done)
        assert story.world.volatile.isolators.keys() == {"A1"}

    def test_it_is_none_of_those_that_nearly_fitted(self) -> None:
        story = running()
        story.post(definition(container(resources={"cpus": 100, "mem": 32}), id="/large"))
        story.offer("A1", cpus=1)
        story.offer("A2", cpus=99)
        (before,) = queue_view(story.world, story.now, with_offers=True, with_extras=True)
        story.tell(AgentLost("A2"))
        (after,) = queue_view(story.world, story.now, with_offers=True, with_extras=True)

        nearest = [each["podexec"]["nearest"][0] for each in (before, after)]
        assert [(each["offered"], each["agents"]) for each in nearest] == [("99", 2), ("1", 1)]
        assert [each["agentId"] for each in (unused["offer"] for unused in after["lastUnusedOffers"])] == ["A1"]

    def test_an_agent_without_instances_is_not_remembered(self) -> None:
        story = running()
        assert list(story.world._of_instances.agents) == ["A1"]
        story.remove()
        story.all_tasks(C.KILLED)
        story.frames.clear()

        assert list(story.world._of_instances.agents) == []


class TestOperations:
    def test_a_status_is_noted_and_acknowledged_where_it_came_from(self) -> None:
        story = running()
        frame = story.tell(OperationUpdated("op", "OPERATION_FINISHED", "", "A1", "dXVpZA==", "disks"))

        assert story.told(AcknowledgeOperation, frame) == [AcknowledgeOperation("op", "A1", "dXVpZA==", "disks")]
        (note,) = story.told(Log, frame)
        assert ("state", "OPERATION_FINISHED") in note.fields

    def test_one_of_the_master_itself_wants_no_acknowledgement(self) -> None:
        story = running()

        assert not story.told(AcknowledgeOperation, story.tell(OperationUpdated("op", "OPERATION_ERROR", "no", "A1")))
        assert not story.told(AcknowledgeOperation, story.tell(OperationUpdated("op", "OPERATION_DROPPED", "", None)))
