"""What Mesos says is gone is asked for, and what it says of operations acknowledged."""

from scheduler.core.effects import AcknowledgeOperation, Note, Reconcile
from scheduler.core.events import AgentLost, ExecutorEnded, OperationUpdated
from scheduler.model.records import Condition
from tests.core.support import container, running

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


class TestOperations:
    def test_a_status_is_noted_and_acknowledged_where_it_came_from(self) -> None:
        story = running()
        frame = story.tell(OperationUpdated("op", "OPERATION_FINISHED", "", "A1", "dXVpZA==", "disks"))

        assert story.told(AcknowledgeOperation, frame) == [AcknowledgeOperation("op", "A1", "dXVpZA==", "disks")]
        (note,) = story.told(Note, frame)
        assert ("state", "OPERATION_FINISHED") in note.fields

    def test_one_of_the_master_itself_wants_no_acknowledgement(self) -> None:
        story = running()

        assert not story.told(AcknowledgeOperation, story.tell(OperationUpdated("op", "OPERATION_ERROR", "no", "A1")))
        assert not story.told(AcknowledgeOperation, story.tell(OperationUpdated("op", "OPERATION_DROPPED", "", None)))
