"""`podexec pod logs`, `exec`, `top`, `cp` and `files` against an API whose agents are fakes."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduler.api.access import Access
from scheduler.cli.durations import moment
from scheduler.cli.inside.lines import print_logs
from scheduler.cli.inside.top import table
from scheduler.cli.look import Look
from scheduler.cli.screen import Grid, Word
from scheduler.loop.inside import InsideError, Size, Why
from tests.api.app import app_over
from tests.cli.conftest import Run, Stage, serving
from tests.fakes.inside import FakeSession
from tests.fakes.loop import FakeLoop
from tests.terminal import Terminal, set_size

DEADLINE = 60.0


def podexec(*words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "scheduler.cli.main", *words],
        input=given,
        capture_output=True,
        timeout=DEADLINE,
        check=False,
    )


# -------------------------------------------------------------------------------- logs


def test_lines_are_printed_with_whose_they_are(stage: Stage, run: Run) -> None:
    """Without colours, as the output is not a terminal."""
    for task in stage.tasks:
        stage.inside.write(stage.inside.runs[task], b"1\n2\n")
    stage.inside.write(stage.inside.runs[stage.tasks[0]], b"no\n", "stderr")
    outcome = run("pod", "logs", "web", "--tail", "1")
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(outcome.out.splitlines()) == [
        f"{stage.short} one | 2",
        f"{stage.short} one | no",
        f"{stage.short} two | 2",
    ]
    outcome = run("pod", "logs", "web", "-c", "one", "--stream", "stdout", "--plain")
    assert outcome.out == "1\n2\n"
    outcome = run("pod", "logs", "web", "-c", "two", "--json")
    assert outcome.out.splitlines()[0].startswith('{"instance": "web.instance-')


def test_lines_are_printed_with_their_time_if_it_is_known(stage: Stage, run: Run) -> None:
    stage.inside.write(stage.inside.runs[stage.tasks[0]], b"past\n")
    outcome = run("pod", "logs", "web", "-c", "one", "--timestamps")
    assert outcome.out == f"{'-':24} {stage.short} one | past\n"


def test_a_time_that_is_none_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    record = {"instance": "web.instance-0", "container": "one", "stream": "stdout", "line": "x", "time": "T\x1b[2J"}
    assert print_logs([record], prefixed=False, colours=False, timed=True)
    assert capsys.readouterr().out == "T\\x1b[2J x\n"


def test_only_what_may_be_new_is_printed(stage: Stage, run: Run) -> None:
    now = time.time()
    stage.inside.write(stage.inside.runs[stage.tasks[0]], b"2026-01-31T12:00:00Z old\nof it\n")
    stage.inside.write(stage.inside.runs[stage.tasks[1]], b"not written to for long\n")
    stage.inside.modified[f"{stage.inside.runs[stage.tasks[0]].sandbox}/stdout"] = now
    outcome = run("pod", "logs", "web", "--since", "1h30m")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    outcome = run("pod", "logs", "web", "--since", "2026-01-31T12:00:00Z", "-o", "json")
    assert [json.loads(line)["line"] for line in outcome.out.splitlines()] == ["2026-01-31T12:00:00Z old", "of it"]


@pytest.mark.parametrize("since", ["", "5", "-5m", "5m ", "tomorrow", "\x1b", "9" * 5000 + "d"])
def test_a_since_that_is_neither_a_duration_nor_a_time(stage: Stage, run: Run, since: str) -> None:
    outcome = run("pod", "logs", "web", "--since", since)
    assert (outcome.code, "--since must be a duration such as 90s" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", "2026-01-31T11:58:30.000Z"),
        ("1.5h", "2026-01-31T10:30:00.000Z"),
        ("1d1h30m", "2026-01-30T10:30:00.000Z"),
        ("999999999d", "0001-01-02T00:00:00.000Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"),
    ],
)
def test_moments(text: str, expected: str) -> None:
    assert moment(text, datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp(), "--since") == expected


def executor_files(stage: Stage) -> Callable[[str, bytes], None]:
    """Create files in the sandbox of the pod's executor."""
    sandbox = f"/executor/{stage.tasks[0].rpartition('instance-')[2]}"

    def put(name: str, data: bytes) -> None:
        stage.inside.files[f"{sandbox}/{name}"] = data

    return put


@pytest.mark.parametrize("form", [(), ("--stream", "stderr"), ("--tail", "1"), ("--plain",)])
def test_lines_of_the_executor_are_printed(stage: Stage, run: Run, form: tuple[str, ...]) -> None:
    executor_files(stage)("stderr", b"sh: 1: exec: /no/such/python: not found\n")
    stage.inside.write(stage.inside.runs[stage.tasks[0]], b"of a container\n")
    outcome = run("pod", "logs", "web", "--executor", *form)
    assert (outcome.code, outcome.err) == (0, "")
    (line,) = outcome.out.splitlines()
    assert line.endswith("sh: 1: exec: /no/such/python: not found")
    assert line.startswith(f"{stage.short} (executor) | ") is ("--plain" not in form)


def test_files_of_the_executor_are_listed_and_read(stage: Stage, run: Run) -> None:
    put = executor_files(stage)
    put("stderr", b"why\n")
    put("journal", b"\x00\x01")
    outcome = run("pod", "files", "web", "--executor")
    assert [words[-1] for line in outcome.out.splitlines() if len(words := line.split()) > 1] == [
        "NAME",
        "journal",
        "stderr",
    ]
    outcome = run("pod", "files", "web", "stderr", "--executor", "--read")
    assert (outcome.code, outcome.out) == (0, "why\n")


@pytest.mark.parametrize("command", ["logs", "files"])
def test_an_executor_is_no_container(stage: Stage, run: Run, command: str) -> None:
    outcome = run("pod", command, "web", "--executor", "-c", "one")
    assert (outcome.code, "--executor and --container cannot be combined" in outcome.err) == (2, True)
    stage.inside.runs[stage.tasks[0]] = InsideError(Why.UNREACHABLE, "the agent went away")
    stage.inside.runs[stage.tasks[1]] = InsideError(Why.UNREACHABLE, "the agent went away")
    outcome = run("pod", command, "web", "--executor")
    assert outcome.code == 1
    assert "the agent went away" in outcome.err


@pytest.mark.parametrize("form", ["--plain", "--json"])
def test_what_could_not_be_read_is_told_and_is_the_exit_code(stage: Stage, run: Run, form: str) -> None:
    stage.inside.runs[stage.tasks[0]] = InsideError(Why.UNREACHABLE, "the agent went away")
    stage.inside.write(stage.inside.runs[stage.tasks[1]], b"still\n")
    outcome = run("pod", "logs", "web", form)
    assert outcome.code == 1
    assert "still" in outcome.out
    assert "the agent went away" in outcome.out + outcome.err


def test_refusals_are_errors(stage: Stage, run: Run) -> None:
    outcome = run("pod", "logs", "web", "-c", "none")
    assert (outcome.code, "has no container 'none'" in outcome.err) == (1, True)
    outcome = run("pod", "exec", "web", "--", "true")
    assert (outcome.code, "has containers one, two: name one of them" in outcome.err) == (1, True)
    outcome = run("pod", "exec", "web", "-c", "one", "--url", "http://127.0.0.1:1", "--", "true")
    assert (outcome.code, "no scheduler answers at http://127.0.0.1:1" in outcome.err) == (1, True)


# -------------------------------------------------------------------------------- exec


async def turned_around(session: FakeSession) -> None:
    """A command that writes its input in capitals and exits with 7."""
    while (data := await session.input.get()) is not None:
        session.writes(data.upper())
    session.writes(b"told", is_error=True)
    session.ends(7)


def test_a_command_has_this_input_and_output(stage: Stage) -> None:
    stage.inside.program = turned_around
    outcome = podexec("pod", "exec", "-i", "web", "-c", "one", "--", "sh", "-c", "x", given=b"a" * 200_000)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (7, b"A" * 200_000, b"told")
    assert stage.inside.sessions[0].command == ("sh", "-c", "x")
    outcome = podexec("pod", "exec", "web", "-c", "one", "--", "sh", given=b"not for it")
    assert (outcome.returncode, outcome.stdout) == (7, b"")


def test_a_command_is_sent_with_the_header_in_the_environment(
    stage: Stage, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.inside.program = turned_around
    with serving(app_over(loop, Access("me:hush"), inside=stage.inside)) as url:
        command = ("pod", "exec", "--url", url.replace("//", "//me:wrong@"), "web", "-c", "one", "--", "sh")
        assert podexec(*command).returncode == 1
        monkeypatch.setenv("PODEXEC_AUTHORIZATION", "Basic bWU6aHVzaA==")
        assert podexec(*command).returncode == 7


def test_a_command_that_ended_with_its_container_is_an_error(stage: Stage) -> None:
    async def taken_along(session: FakeSession) -> None:
        session.writes(b"some")
        session.ends(InsideError(Why.ABSENT, "the container ended"))

    stage.inside.program = taken_along
    outcome = podexec("pod", "exec", "web", "-c", "one", "--", "sh")
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (1, b"some", b"podexec: the container ended\n")


def test_a_terminal_is_joined_to_the_command(stage: Stage) -> None:
    """The command gets the terminal's own size, type, size changes and keys; afterwards the terminal is restored."""

    async def tells_its_size(session: FakeSession) -> None:
        seen = 0
        while (data := await session.input.get()) is not None:
            if data == b"q":
                session.ends(3)
            while seen == len(session.sizes):
                if data != b"s":
                    break
                await _moment()
            seen = len(session.sizes)
            session.writes(f"{data!r} {session.sizes[-1]} {session.term}|".encode())

    stage.inside.program = tells_its_size
    words = [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "exec", "-it", "web", "-c", "one", "--", "sh"]
    process, outer = pty.fork()
    if process == 0:
        os.execve(words[0], words, os.environ | {"TERM": "vt220", "LINES": "24", "COLUMNS": "80"})
    try:
        set_size(outer, 31, 91)
        terminal = Terminal(outer)
        terminal.types("a\n", until="vt220|")
        assert f"{Size(31, 91)} vt220" in terminal.shown
        set_size(outer, 41, 141)
        terminal.types("s", until=str(Size(41, 141)))
        terminal.types("\x03", until=r"b'\x03'")  # Ctrl-C is the command's
        os.write(outer, b"q")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 3
    finally:
        os.close(outer)


def test_a_terminal_that_does_not_know_its_size_counts_as_a_usual_one(stage: Stage) -> None:
    """Such as a serial line."""

    async def tells_its_size(session: FakeSession) -> None:
        await session.input.get()
        session.writes(f"{session.sizes[-1]}|".encode())
        session.ends(0)

    stage.inside.program = tells_its_size
    words = [sys.executable, "-P", "-m", "scheduler.cli.main", "pod", "exec", "-it", "web", "-c", "one", "--", "sh"]
    process, outer = pty.fork()  # 0 rows and 0 columns, until somebody sets them
    if process == 0:
        os.execve(words[0], words, os.environ | {"TERM": "vt220"})
    try:
        Terminal(outer).types("a\n", until=f"{Size(24, 80)}|")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    finally:
        os.close(outer)


async def _moment() -> None:
    await asyncio.sleep(0.01)


def test_a_terminal_needs_a_terminal(stage: Stage) -> None:
    outcome = podexec("pod", "exec", "-it", "web", "-c", "one", "--", "sh")
    assert (outcome.returncode, b"-t with -i needs" in outcome.stderr) == (2, True)


# --------------------------------------------------------------------------------- top


def test_use_is_what_was_used_between_two_measurements() -> None:
    """Values that nothing measures, and rates across a restart, are shown as a dash."""

    def measured(cpu_seconds: float, at: float) -> list[Any]:
        used = {"takenAt": at, "cpuSeconds": cpu_seconds, "memoryBytes": 16 * 1024 * 1024, "processes": 2}
        return [
            {
                "instance": "web.instance-0123456789",
                "total": {"takenAt": at, "cpuSeconds": 2 * cpu_seconds, "cpusLimit": 1.0},
                "containers": [
                    {"name": "one", "used": used, "requested": {"cpus": 0.5, "mem": 32}},
                    {"name": "two", "used": {}, "requested": {"cpus": 0.1, "mem": 32}},
                ],
            },
            {"instance": "web.instance-9876543210", "containers": [], "message": "the agent does not answer"},
        ]

    assert _rows(table(measured(10.0, 100.0), measured(10.5, 102.0), Look())) == [
        ["01234567", "(pod)", "0.50", "1", "50%", "-", "-", "-", "-"],
        ["01234567", "one", "0.25", "0.5", "50%", "16.0", "32", "50%", "2"],
        ["01234567", "two", "-", "0.1", "-", "-", "32", "-", "-"],
        ["98765432", "the", "agent", "does", "not", "answer"],
    ]
    assert _rows(table(measured(10.0, 100.0), measured(1.0, 102.0), Look()))[1][2:5] == ["-", "0.5", "-"]


def _rows(shown: Grid) -> list[list[str]]:
    cells = [[each.text if isinstance(each, Word) else str(each) for each in row] for row in shown.rows]
    return [" ".join(row).split() for row in cells]


# ------------------------------------------------------------------------------- files


def test_a_sandbox_is_listed_and_its_files_printed(stage: Stage) -> None:
    stage.inside.files[f"/sandbox/{stage.tasks[0]}/deep/file"] = b"\x00\xff" * 50_000
    outcome = podexec("pod", "files", "web", "deep", "-c", "one", "--utc")
    assert outcome.stdout.split()[-5:] == b"-rw-r--r-- u:g 100000 1970-01-01T00:00:01.500Z file".split()
    outcome = podexec("pod", "files", "web", "deep/file", "--read", "-c", "one")
    assert outcome.stdout == b"\x00\xff" * 50_000
    assert podexec("pod", "files", "web", "deep", "-c", "one", "-o", "name").stdout == b"file\n"
    refused = podexec("pod", "files", "web", "deep/file", "--read", "-o", "json", "-c", "one")
    assert (refused.returncode, b"--read cannot be combined" in refused.stderr) == (2, True)
    outcome = podexec("pod", "files", "web", "--read", "-c", "one")
    assert (outcome.returncode, b"needs the PATH" in outcome.stderr) == (2, True)
