"""Messages of others are kept as one line for people, with the whole as its detail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.effects import Log
from scheduler.core.texts import LONGEST_DETAIL, LONGEST_LINE, line_and_detail
from scheduler.core.views.pod_status import pod_status
from scheduler.model.records import Condition
from tests.core.support import Story, container, published, running

C = Condition
LINE = "Command terminated with signal SIGKILL: Memory limit exceeded: Requested: 32MB Maximum Used: 32MB"
STATISTICS = "\n".join(["MEMORY STATISTICS: ", *(f"statistic_{number} {number}" for number in range(34))])
OOM = f"{LINE}\n\n{STATISTICS}"
MARK = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "line", "detail"),
    [
        ("", "", ""),
        ("Command exited with status 3", "Command exited with status 3", ""),
        ("ends with a newline\n", "ends with a newline", ""),
        ("\n \r\n first\tline \r\nsecond\n", "first line", "first line\nsecond"),
        ("a\x1b[31mred\x07", f"a{MARK}[31mred{MARK}", ""),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b\N{LINE SEPARATOR}c", f"a{MARK}b", f"a{MARK}b\nc"),
        ("\ud800", MARK, ""),
    ],
)
def test_the_first_line_that_says_something_is_for_people(text: str, line: str, detail: str) -> None:
    assert line_and_detail(text) == (line, detail)


def test_both_ends_of_what_is_very_long_are_kept() -> None:
    kept = line_and_detail("begin " + "x" * 130_000 + " end")
    assert [len(each) <= longest for each, longest in zip(kept, (LONGEST_LINE, LONGEST_DETAIL), strict=True)]
    beginning, end = "begin " + "x" * 400, "x" * 200 + " end"
    for each in kept:
        assert each.startswith(beginning[:200])
        assert each.endswith(end)
        assert "…" in each


@given(st.text())
def test_nothing_that_a_terminal_would_obey_is_kept(text: str) -> None:
    line, detail = line_and_detail(text)
    assert line.isprintable()
    assert detail.replace("\n", "").isprintable()
    assert len(line) <= LONGEST_LINE


def ended() -> Story:
    """One container ran out of memory; its executor ends the other."""
    story = running(containers=[container("hog"), container("other")])
    hog, other = story.only.tasks
    story.update(hog.id, C.FAILED, message=OOM, reason="REASON_CONTAINER_LIMITATION_MEMORY")
    story.update(other.id, C.KILLED, message=f"Command exited with status 0; container hog of the pod ended: {OOM}")
    return story


def test_a_memory_limit_is_one_line_wherever_it_is_shown() -> None:
    story = ended()
    [ending] = story.pod.terminations
    lines = [ending.message, *(each.message for each in ending.tasks)]
    lines += [event["message"] for frame in story.frames for event in published(frame, "status_update_event")]
    lines += [str(dict(note.fields).get("message", "")) for note in story.ever(Log)]
    assert not [line for line in lines if "\n" in line or "statistic_" in line]
    assert LINE in lines


def test_the_statistics_are_the_detail() -> None:
    story = ended()
    [plain] = pod_status(story.world, story.pod, story.now)["terminationHistory"]
    assert "statistic_" not in str(plain)
    [asked] = pod_status(story.world, story.pod, story.now, with_extras=True)["terminationHistory"]
    hog = asked["containers"][0]
    assert hog["termination"]["message"] == LINE
    assert hog["podexec"]["detail"] == OOM.replace(": \n", ":\n")


def test_the_detail_of_a_container_that_lives_on_is_in_its_status() -> None:
    story = running()
    (task,) = story.only.tasks
    story.update(task.id, C.RUNNING, message=f"{LINE}; restarting in 5 s (restart 1)\n\n{STATISTICS}")
    [instance] = pod_status(story.world, story.pod, story.now, with_extras=True)["instances"]
    (shown,) = instance["containers"]
    assert shown["message"] == f"{LINE}; restarting in 5 s (restart 1)"
    assert "statistic_33 33" in shown["podexec"]["detail"]
    story.update(task.id, C.RUNNING, message="", reason="REASON_RECONCILIATION")
    assert "statistic_33 33" in story.only.tasks[0].detail, "an answer to a question repeats less"
    story.update(task.id, C.RUNNING, message="")
    assert story.only.tasks[0].detail == ""
