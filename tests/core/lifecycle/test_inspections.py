"""Why an executor failed: inspected once for many failures, and added to all records of its tasks' end."""

import signal
from typing import Any

import pytest

from scheduler.core.effects import InspectExecutor, Log
from scheduler.core.events import ExecutorEnded, ExecutorInspected
from scheduler.core.lifecycle.inspections import PATIENCE
from scheduler.core.texts import LONGEST_DETAIL
from scheduler.core.views.pod_status import pod_status
from scheduler.model.records import Condition
from tests.core.support import Story, container, definition, running

GONE = {"reason": "REASON_EXECUTOR_TERMINATED", "message": "Executor terminated", "source": "SOURCE_AGENT"}
WORD = "sh: 1: exec: /no/such/python: not found"


def failed(story: Story, **status: Any) -> list[InspectExecutor]:
    """All tasks fail by their executors; what is asked then."""
    story.all_tasks(Condition.FAILED, **(GONE | status))
    return story.told(InspectExecutor, story.wait(PATIENCE))


def found(story: Story, asked: InspectExecutor, *lines: str) -> None:
    story.tell(ExecutorInspected(asked.pod_id, asked.executor_id, asked.tasks, lines))


def messages(story: Story) -> list[str]:
    """Of the last termination, and of its tasks."""
    last = story.pod.terminations[-1]
    return [last.message, *(task.message for task in last.tasks)]


def test_its_last_line_comes_into_the_messages_of_its_tasks() -> None:
    story = running(instances=1)
    executor_id, tasks = str(story.only.executor_id), tuple(task.id for task in story.only.tasks)
    story.tell(ExecutorEnded(executor_id, "A1", 127 << 8))
    (asked,) = failed(story)
    found(story, asked, "an earlier line", WORD)

    assert asked == InspectExecutor("/shop/web", executor_id, "A1", tasks)
    expected = f"Executor terminated: its executor exited with status 127; its stderr ends with: {WORD}"
    assert messages(story) == [expected, expected]
    assert pod_status(story.world, story.pod, story.now)["terminationHistory"][0]["message"] == expected
    (note,) = story.told(Log)
    assert dict(note.fields)["stderr"] == f"an earlier line\n{WORD}"


def test_all_that_it_wrote_comes_into_the_details() -> None:
    story = running()
    (asked,) = failed(story)
    found(story, asked, "Traceback", "File x", WORD)

    status = pod_status(story.world, story.pod, story.now, with_extras=True)
    ends = [each for ending in status["terminationHistory"] for each in ending["containers"]]
    expected = f"Executor terminated: its executor's stderr ends with: {WORD}\nTraceback\nFile x\n{WORD}"
    assert {each["podexec"]["detail"] for each in ends} == {expected}
    assert "Traceback" not in str(pod_status(story.world, story.pod, story.now))


@pytest.mark.parametrize(
    ("lines", "begin", "end"),
    [
        ((WORD,), "", ""),
        (("x" * 1000,), "Executor terminated: ", "x" * 1000),
        (("begin", *["x" * 1000] * 18, "the end"), "Executor terminated: ", "\nthe end"),
    ],
)
def test_a_detail_is_there_if_it_has_more_and_is_bounded(lines: tuple[str, ...], begin: str, end: str) -> None:
    story = running()
    (asked,) = failed(story)
    found(story, asked, *lines)

    (detail,) = {task.detail for task in story.pod.terminations[-1].tasks}
    assert bool(detail) is bool(begin)
    assert detail.startswith(begin)
    assert detail.endswith(end)
    assert len(detail) <= LONGEST_DETAIL


def test_what_mesos_said_in_full_stays_in_the_detail() -> None:
    story = running()
    (asked,) = failed(story, message="Executor terminated\nstatistic_1 1")
    found(story, asked, "a", "b")

    (detail,) = {task.detail for task in story.pod.terminations[-1].tasks}
    assert detail.splitlines()[1:] == ["Executor terminated", "statistic_1 1", "a", "b"]


@pytest.mark.parametrize(
    ("status", "lines", "expected"),
    [
        (signal.SIGSEGV, (), "its executor was killed by SIGSEGV"),
        (signal.SIGSEGV | 0x80, (), "its executor was killed by SIGSEGV"),
        (1 << 8, ("x" * 1000,), f"its executor exited with status 1; its stderr ends with: {'x' * 300}…"),
        (None, ("word",), "its executor's stderr ends with: word"),
        (126, (), "its executor was killed by signal 126"),
    ],
)
def test_known_facts_are_reported(status: int | None, lines: tuple[str, ...], expected: str) -> None:
    story = running()
    story.tell(ExecutorEnded(str(story.only.executor_id), "A1", status))
    (asked,) = failed(story)
    found(story, asked, *lines)

    assert messages(story)[0] == f"Executor terminated: {expected}"


def test_where_nothing_is_found_mesos_message_stays() -> None:
    story = running()
    (asked,) = failed(story)
    found(story, asked)

    assert set(messages(story)) == {"Executor terminated"}
    assert story.frames[-1].changes == ()


def test_tasks_that_ended_otherwise_keep_their_messages() -> None:
    story = running_with_two()
    first, second = story.only.tasks
    story.update(first.id, Condition.FINISHED, message="Command exited with status 0")
    story.update(second.id, Condition.FAILED, **GONE)
    (asked,) = story.told(InspectExecutor, story.wait(PATIENCE))
    found(story, asked, WORD)

    by_id = {task.task_id: task.message for task in story.pod.terminations[-1].tasks}
    assert by_id[first.id] == "Command exited with status 0"
    assert WORD in by_id[second.id]
    assert WORD in story.pod.terminations[-1].message


def running_with_two() -> Story:
    story = Story()
    story.subscribe()
    story.post(definition(container("a"), container("b")))
    story.offer(cpus=100)
    story.all_tasks(Condition.RUNNING)
    return story


@pytest.mark.parametrize(
    "status",
    [
        {"reason": "REASON_CONTAINER_LAUNCH_FAILED", "source": "SOURCE_EXECUTOR"},
        {"reason": "REASON_CONTAINER_LIMITATION_MEMORY"},
        {"reason": None},
    ],
)
def test_other_ends_are_not_looked_at(status: dict[str, Any]) -> None:
    assert failed(running(), **status) == []


@pytest.mark.parametrize(
    "reason",
    [
        "REASON_CONTAINER_LAUNCH_FAILED",
        "REASON_EXECUTOR_REGISTRATION_TIMEOUT",
        "REASON_EXECUTOR_REREGISTRATION_TIMEOUT",
    ],
)
def test_other_failures_of_executors_are(reason: str) -> None:
    assert len(failed(running(), reason=reason)) == 1


def test_a_thousand_that_fail_at_once_cost_a_few_looks_at_the_last() -> None:
    story = running(instances=1000)
    asked = failed(story)

    kept = [termination.instance_id for termination in story.pod.terminations]
    assert len(asked) == story.settings.terminations_kept
    for each in asked:
        found(story, each, WORD)
    assert [WORD in termination.message for termination in story.pod.terminations] == [True] * len(kept)


def test_a_pod_that_is_gone_by_then_is_no_error() -> None:
    story = running()
    (asked,) = failed(story)
    story.remove()
    found(story, asked, WORD)

    assert story.world.volatile.failed_executors == {}


def test_exits_of_executors_are_not_kept_for_ever() -> None:
    story = running()
    for number in range(2000):
        story.tell(ExecutorEnded(f"e{number}", "A1", 9))

    assert len(story.world.volatile.executor_exits) == 1000
