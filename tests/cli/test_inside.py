"""`podexec pod logs`, `exec`, `top`, `cp` and `files` against an API whose agents are fakes."""

import asyncio
import io
import os
import pty
import subprocess
import sys
import tarfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import structlog

from scheduler.api.inside.guard import Guard
from scheduler.cli.errors import CommandError
from scheduler.cli.inside.copying import Remote, place
from scheduler.cli.inside.top import table
from scheduler.cli.screen import Grid, Word
from scheduler.loop.inside import InsideError, Size, Why
from tests.api.app import app_over
from tests.api.inside import definition
from tests.cli.conftest import Run, serving
from tests.fakes.inside import FakeInside, FakeSession, run_of
from tests.fakes.loop import FakeLoop
from tests.terminal import Terminal, set_size

DEADLINE = 60.0


@dataclass
class Stage:
    """A running pod of two containers, `one` and `two`."""

    inside: FakeInside
    url: str
    tasks: list[str]
    short: str


@pytest.fixture
def stage(loop: FakeLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """The scene, with PODEXEC_URL set."""
    inside = FakeInside()
    guard = Guard()
    with structlog.testing.capture_logs(), serving(app_over(loop, inside=inside, guard=guard)) as url:
        monkeypatch.setenv("PODEXEC_URL", url)
        assert httpx2.post(f"{url}/v2/pods", json=definition("one", "two"), trust_env=False).status_code == 201
        loop.run_all()
        tasks = sorted(loop.world.tasks)
        inside.runs |= {task: run_of(task) for task in tasks}
        yield Stage(inside, url, tasks, tasks[0].rpartition("instance-")[2][:8])
        guard.stop()


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
    assert [line.split()[-1] for line in outcome.out.splitlines()] == ["journal", "stderr"]
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

    assert _rows(table(measured(10.0, 100.0), measured(10.5, 102.0))) == [
        ["01234567", "(pod)", "0.50", "1", "50%", "-", "-", "-", "-"],
        ["01234567", "one", "0.25", "0.5", "50%", "16.0", "32", "50%", "2"],
        ["01234567", "two", "-", "0.1", "-", "-", "32", "-", "-"],
        ["98765432", "the", "agent", "does", "not", "answer"],
    ]
    assert _rows(table(measured(10.0, 100.0), measured(1.0, 102.0)))[1][2:5] == ["-", "0.5", "-"]


def _rows(shown: Grid) -> list[list[str]]:
    cells = [[each.text if isinstance(each, Word) else str(each) for each in row] for row in shown.rows]
    return [" ".join(row).split() for row in cells]


# -------------------------------------------------------------------------- cp and files


def real_tar(folder: Path) -> Any:
    """The container's tar: this machine's, in a folder."""

    async def tar(session: FakeSession) -> None:
        given = bytearray()
        while (data := await session.input.get()) is not None:
            given += data
        done = subprocess.run(session.command, cwd=folder, input=bytes(given), capture_output=True, check=False)
        for start in range(0, len(done.stdout), 10_000):
            session.writes(done.stdout[start : start + 10_000])
        session.writes(done.stderr, is_error=True)
        session.ends(done.returncode)

    return tar


def test_directories_and_files_are_copied_both_ways(stage: Stage, run: Run, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    (outer / "tree" / "deep").mkdir(parents=True)
    (outer / "tree" / "deep" / "file").write_bytes(os.urandom(100_000))
    (outer / "tree" / "link").symlink_to("deep/file")
    (inner / "there").mkdir(parents=True)
    stage.inside.program = real_tar(inner)
    assert run("pod", "cp", "-c", "one", str(outer / "tree"), "web:there/").code == 0
    assert run("pod", "cp", "-c", "one", str(outer / "tree" / "deep" / "file"), "/web:renamed").code == 0
    content = (outer / "tree" / "deep" / "file").read_bytes()
    assert (inner / "there" / "tree" / "deep" / "file").read_bytes() == content
    assert (inner / "renamed").read_bytes() == content
    (inner / "there" / "tree" / "deep" / "hard").hardlink_to(inner / "there" / "tree" / "deep" / "file")

    assert run("pod", "cp", "-c", "one", "web:there/tree", str(outer / "back")).code == 0
    assert (outer / "back" / "deep" / "hard").read_bytes() == content
    assert (outer / "back" / "link").readlink() == Path("deep/file")
    assert run("pod", "cp", "-c", "one", f"web:{inner}/renamed", str(outer)).code == 0
    assert (outer / "renamed").read_bytes() == content


def test_what_cannot_be_copied_is_told(stage: Stage, run: Run, tmp_path: Path) -> None:
    stage.inside.program = real_tar(tmp_path)
    for words, error in (
        (("web:none", str(tmp_path)), "tar in the container failed"),
        ((str(tmp_path / "none"), "web:x"), "does not exist"),
        (("web:x", "web:y"), "one of SRC and DST must be ID:PATH"),
        (("x", "y"), "one of SRC and DST must be ID:PATH"),
        (("web:", str(tmp_path)), "has no path"),
    ):
        outcome = run("pod", "cp", "-c", "one", *words)
        assert outcome.code in (1, 2)
        assert error in outcome.err


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """An empty member of an archive."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, mode
    return made


def sends(*members: tarfile.TarInfo, cut: int | None = None) -> Callable[[FakeSession], Awaitable[None]]:
    """A container whose tar writes arbitrary output."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))

    async def program(session: FakeSession) -> None:
        session.writes(buffer.getvalue()[:cut])
        session.ends()

    return program


@pytest.mark.parametrize(
    "members",
    [
        (entry("x/../../escaped"),),
        (entry("xescaped"),),
        (entry("escaped"),),
        (entry("x/lnk", tarfile.SYMTYPE, "../.."), entry("x/lnk/escaped")),
        (entry("x", tarfile.SYMTYPE, ".."), entry("x/escaped")),
        (entry("x/lnk", tarfile.SYMTYPE, "../../escaped"),),
        (entry("x/lnk", tarfile.SYMTYPE, "/etc/passwd"),),
        (entry("x/hard", tarfile.LNKTYPE, "evidence"),),
        (entry("x/hard", tarfile.LNKTYPE, "x/../../evidence"),),
        (entry("x/pipe", tarfile.FIFOTYPE),),
    ],
    ids=lambda members: members[-1].name,
)
def test_nothing_is_written_outside_of_the_place(
    stage: Stage, run: Run, tmp_path: Path, members: tuple[tarfile.TarInfo, ...]
) -> None:
    """Whatever names a container uses, nothing is written outside the destination or of other files than requested."""
    stage.inside.program = sends(*members)
    (tmp_path / "evidence").write_text("untouched")
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "evidence").write_text("untouched")
    outcome = run("pod", "cp", "-c", "one", "web:x", str(tmp_path / "place"))
    assert (outcome.code, list(tmp_path.rglob("*escaped*"))) == (1, [])
    assert outcome.err.startswith(f"podexec: cannot write {tmp_path / 'place'}: ")
    assert "Traceback" not in outcome.err
    assert {path.read_text() for path in tmp_path.rglob("evidence")} == {"untouched"}


def test_a_copy_that_breaks_off_has_failed(stage: Stage, run: Run, tmp_path: Path) -> None:
    """Half a file or half a header, even if tar exits with 0."""
    half = entry("x")
    half.size = 3000
    for member, cut in ((half, 1024), (entry("x"), 300)):
        stage.inside.program = sends(member, cut=cut)
        outcome = run("pod", "cp", "-c", "one", "web:x", str(tmp_path / "x"))
        assert (outcome.code, "cannot write" in outcome.err) == (1, True)


def test_a_whole_container_is_copied_into_a_folder_of_its_own(stage: Stage, run: Run, tmp_path: Path) -> None:
    """Into a new or existing folder, never outside it. A folder that is to be read-only is filled first."""
    members = entry("./", tarfile.DIRTYPE, mode=0o555), entry("./etc", tarfile.DIRTYPE, mode=0o555), entry("./etc/x")
    stage.inside.program = sends(*members)
    new = tmp_path / "new"
    for _ in range(2):
        assert run("pod", "cp", "-c", "one", "web:/", str(new)).code == 0
        assert sorted(tmp_path.rglob("*")) == [new, new / "etc", new / "etc" / "x"]
        assert (new / "etc").stat().st_mode & 0o777 == 0o555
        for folder in (new, new / "etc"):
            folder.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web:/etc/x", Remote("web", "/etc/x")),
        ("/group/web:x:y", Remote("/group/web", "x:y")),
        ("./web:x", Path("web:x")),
        ("plain", Path("plain")),
        ("Not An Id:x", Path("Not An Id:x")),
        ("/:x", Path("/:x")),
    ],
)
def test_places(text: str, expected: Remote | Path) -> None:
    assert place(text) == expected


def test_a_place_without_a_path_is_none() -> None:
    with pytest.raises(CommandError, match="has no path"):
        place("web:")


def test_a_sandbox_is_listed_and_its_files_printed(stage: Stage) -> None:
    stage.inside.files[f"/sandbox/{stage.tasks[0]}/deep/file"] = b"\x00\xff" * 50_000
    outcome = podexec("pod", "files", "web", "deep", "-c", "one")
    assert outcome.stdout.split() == b"-rw-r--r-- u:g 100000 1970-01-01T00:00:01.500Z file".split()
    outcome = podexec("pod", "files", "web", "deep/file", "--read", "-c", "one")
    assert outcome.stdout == b"\x00\xff" * 50_000
    outcome = podexec("pod", "files", "web", "--read", "-c", "one")
    assert (outcome.returncode, b"needs the PATH" in outcome.stderr) == (2, True)
