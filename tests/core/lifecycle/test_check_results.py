"""The last results of a container's checks are stored, and shown on request."""

from scheduler.core.views.pod_status import pod_status
from scheduler.model.json import Json
from scheduler.model.records import CheckResult, Condition
from tests.core.support import Story, running

FAILS = CheckResult("health check", passed=False, result="http://127.0.0.1:80/wrong: 404")


def checks(story: Story) -> list[Json] | None:
    [instance] = pod_status(story.world, story.pod, story.now, with_extras=True)["instances"]
    (shown,) = instance["containers"]
    found: list[Json] | None = shown.get("podexec", {}).get("checks")
    return found


def test_the_last_results_are_shown() -> None:
    story = running()
    (task,) = story.only.tasks
    assert checks(story) is None
    story.update(task.id, Condition.RUNNING, checks=(FAILS,))
    assert checks(story) == [{"check": "health check", "passed": False, "result": "http://127.0.0.1:80/wrong: 404"}]
    [instance] = pod_status(story.world, story.pod, story.now)["instances"]
    assert "podexec" not in instance["containers"][0], "only whoever asks"


def test_a_status_that_does_not_tell_changes_nothing() -> None:
    story = running(scheduling={"unreachableStrategy": "disabled"})
    (task,) = story.only.tasks
    story.update(task.id, Condition.RUNNING, checks=(FAILS,))
    story.answer(task.id, Condition.RUNNING)
    story.update(task.id, Condition.UNREACHABLE)
    assert story.only.tasks[0].checks == (FAILS,)
    story.update(task.id, Condition.RUNNING, checks=())
    assert checks(story) is None, "its next run has no results yet"


def test_they_outlive_the_scheduler() -> None:
    story = running()
    (task,) = story.only.tasks
    story.update(task.id, Condition.RUNNING, checks=(FAILS,))
    assert story.restart().only.tasks[0].checks == (FAILS,)
