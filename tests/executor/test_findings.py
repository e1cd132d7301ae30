"""Results of checks are reported from the first one on, but not more often than a cluster can bear."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from podexec import events as ev
from podexec.findings import REPORT_EVERY, Latest, due
from podexec.health import HealthPolicy
from podexec.journal import Journal
from podexec.machine import next_deadline
from podexec.texts import LONGEST, Output, one_line
from podexec.wire import LABEL_CHECKS, ON_FAILURE, ExecutorData, Finding, Restart, StatusLabels
from tests.executor.conftest import StartExecutor
from tests.executor.story import EXIT_3, A, Story, spec
from tests.fakes.agent import FakeAgent, task

LENIENT = HealthPolicy(grace=300.0, consecutive_failures=3)


def checked(**fields: object) -> Story:
    return Story(spec(A, **{"health": (LENIENT,), **fields}), wants_findings=True)


def told(story: Story) -> list[str | None]:
    return [e.message for e in story.effects if isinstance(e, ev.Report)]


def failed(message: str, index: int = 0) -> ev.HealthObserved:
    return ev.HealthObserved(A, passed=False, message=message, index=index)


def test_the_first_failure_within_the_grace_period_is_told_at_once() -> None:
    story = checked()
    story.tell(failed("http://127.0.0.1:80/wrong: 404"))
    report = story.report()
    assert (report.state, report.healthy, report.message) == (
        "TASK_RUNNING",
        None,
        "health check: http://127.0.0.1:80/wrong: 404",
    )
    assert report.findings == (Finding("health check", False, "http://127.0.0.1:80/wrong: 404"),)


def test_the_same_result_is_told_once() -> None:
    story = checked()
    for _ in range(20):
        story.tell(failed("404"), after=10.0)
    assert told(story) == ["health check: 404"]
    assert next_deadline(story.pod) is None


def test_a_result_that_differs_each_time_is_told_now_and_then() -> None:
    story = checked()
    for second in range(60):
        story.tell(failed(f"at {second}"), after=1.0)
    assert told(story) == [f"health check: at {second}" for second in range(0, 60, int(REPORT_EVERY))]


def test_what_is_kept_back_is_told_when_its_time_has_come_if_it_is_still_so() -> None:
    story = checked()
    story.tell(failed("connection refused"))
    story.tell(failed("404"), after=1.0)
    assert next_deadline(story.pod) == story.now + REPORT_EVERY - 1.0
    story.tell(ev.Ticked(), after=REPORT_EVERY - 1.0)
    assert told(story) == ["health check: connection refused", "health check: 404"]
    story.tell(failed("connection refused"), after=1.0)
    story.tell(failed("404"), after=1.0)
    story.tell(ev.Ticked(), after=60.0)
    assert len(told(story)) == 2, "it is what was told last"


def test_of_results_that_are_due_the_failures_come_first() -> None:
    latests = {name: Latest(Finding(name, name == "well", "")) for name in ("well", "ill")}
    found = due(latests, 0.0)
    assert found is not None
    assert found.check == "ill"


def test_every_check_has_its_own_first_result() -> None:
    story = checked(health=(LENIENT, LENIENT), readiness=3, check="HTTP")
    story.tell(failed("refused"))
    story.tell(failed("404", index=1))
    story.tell(ev.ReadinessObserved(A, passed=False, message="not yet"))
    story.tell(ev.CheckObserved(A, ev.CheckStatus("HTTP"), "no answer"))
    assert told(story) == [
        "health check: refused",
        "health check 2: 404",
        "readiness check: not yet",
        "check: no answer",
    ]
    assert [found.check for found in story.report().findings or ()] == [
        "health check",
        "health check 2",
        "readiness check",
        "check",
    ]


def test_a_change_of_health_tells_the_results_too() -> None:
    story = checked()
    story.tell(failed("503"))
    story.tell(ev.HealthObserved(A, passed=True, message="200"), after=1.0)
    assert (story.report().healthy, story.report().findings) == (True, (Finding("health check", True, "200"),))
    story.tell(ev.Ticked(), after=60.0)
    assert len(told(story)) == 2


def test_who_does_not_want_to_hear_of_it_does_not() -> None:
    """Other frameworks expect the reports of Mesos' own executor."""
    story = Story(spec(A, health=(LENIENT,)))
    story.tell(failed("404"))
    story.tell(ev.Ticked(), after=60.0)
    assert told(story) == []


def test_the_next_run_of_a_container_begins_without_results() -> None:
    story = checked(restart=Restart(ON_FAILURE, 1, 5.0, 1.0, 5.0, 600.0))
    story.tell(failed("404"))
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert story.report().findings == ()


def test_the_end_says_what_was_found_last() -> None:
    story = checked()
    story.tell(failed("404"))
    story.tell(failed("500"), after=1.0)
    story.tell(ev.ContainerExited(A, EXIT_3))
    assert story.report().findings == (Finding("health check", False, "500"),)


def test_the_journal_takes_it(tmp_path: Path) -> None:
    story = checked()
    story.tell(failed("404"))
    Journal(tmp_path).write(story.report())
    assert json.loads((tmp_path / "journal").read_text())["message"] == "health check: 404"


# -- texts ----------------------------------------------------------------------------------------------------------

MARK = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\tand  more ", "two lines and more"),
        ("\x1b[31mred\x07", f"{MARK}[31mred{MARK}"),
        ("", ""),
    ],
)
def test_a_result_is_one_line_that_no_terminal_obeys(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_long_result_has_its_beginning_and_its_end() -> None:
    line = one_line("begin " + "x" * 130_000 + " end")
    assert len(line) <= LONGEST
    assert line.startswith("begin x")
    assert line.endswith("x end")


def record(data: object) -> bytes:
    text = json.dumps({"type": "DATA", "data": data}).encode()
    return b"%d\n%s" % (len(text), text)


def written(data: bytes) -> bytes:
    return record({"type": "STDOUT", "data": base64.b64encode(data).decode()})


def test_the_end_of_what_a_command_wrote_is_kept() -> None:
    output = Output()
    stream = b"".join(written(b"x" * 1000) for _ in range(130)) + written(b"\xff cannot reach\nthe database\n")
    for start in range(0, len(stream), 777):
        output.feed(stream[start : start + 777])
    assert str(output).startswith("...xx")
    assert str(output).endswith(f"x{MARK} cannot reach the database")
    assert len(str(output)) == len("...") + LONGEST // 2


@pytest.mark.parametrize(
    "piece", [b"nonsense\n", b"3\nabc", b"2\n[]", record(7), record({"data": 7}), record({"data": "?"}), record(None)]
)
def test_a_stream_that_is_not_understood_is_no_output(piece: bytes) -> None:
    output = Output()
    output.feed(piece)
    assert str(output) == ""


# -- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("findings", [None, (), (Finding("check", False, 'a " b'), Finding("health check", True, ""))])
def test_the_results_arrive(findings: tuple[Finding, ...] | None) -> None:
    told = StatusLabels(findings=findings)
    assert StatusLabels.decode(told.encode()) == told


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", "7", "[7]", "[[]]", '[{"check":"a"}]', '[{"check":1,"passed":true,"result":""}]', "[" * 5000, None],
)
def test_results_that_are_not_understood_are_none(text: str | None) -> None:
    assert StatusLabels.decode({"labels": [{"key": LABEL_CHECKS, "value": text}]}) == StatusLabels()


# -- a real executor ------------------------------------------------------------------------------------------------


def test_a_real_executor_tells_what_a_command_wrote_within_the_grace_period(
    agent: FakeAgent, start: StartExecutor
) -> None:
    agent.executor = {"type": "CUSTOM", "data": ExecutorData().encode()}
    agent.command_results = [3 << 8] * 1000
    start()
    agent.wait_subscribed()
    check = {"type": "COMMAND", "command": {"shell": True, "value": "exit 3"}}
    often = {"delay_seconds": 0, "interval_seconds": 0.1, "timeout_seconds": 5, "grace_period_seconds": 300}
    agent.launch_group(task("web", health_check={**check, **often}))
    status = agent.wait_state("web", "TASK_STARTING", "TASK_RUNNING", "TASK_RUNNING")
    assert status["message"] == "health check: the command exited with 3: ok"
    findings = (Finding("health check", False, "the command exited with 3: ok"),)
    assert StatusLabels.decode(status["labels"]).findings == findings
    sessions = len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION"))
    agent.wait(lambda: len(agent.called("LAUNCH_NESTED_CONTAINER_SESSION")) >= sessions + 3, "more of the same result")
    assert len(agent.states("web")) == 3
