"""What reaches a terminal: no raw control characters, no interpreted markup, no wrapped path or command."""

import ast
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.main import get_command

import scheduler.cli
from scheduler.cli import screen, tables, watch
from scheduler.cli.inside import top
from scheduler.cli.look import Form, Look
from scheduler.cli.main import app
from scheduler.core.events import PodPosted
from scheduler.core.views.extras import KEY
from scheduler.model.json import Json
from scheduler.observe.visible import visible
from tests.cli.conftest import Run
from tests.core.support import definition, offer
from tests.fakes.loop import FakeLoop
from tests.observe.test_visible import ANY_TEXT, COLOURS, is_harmless

SOURCES = sorted(Path(scheduler.cli.__file__).parent.rglob("*.py"))
HOSTILE = "[/usr/x] [red]no[/red] [bold :smile: \x1b]0;t\x07\x1b[2J\n\u202e\ud800 \\[x] {y} %s"

any_text = ANY_TEXT | st.sampled_from([HOSTILE, "[/]", "[red]", "[link=x]", ":warning:", "x" * 5000])


def status(text: str) -> Json:
    """A pod's status with a hostile string in every place where one can occur."""
    container = {
        "name": text,
        "status": text,
        "statusSince": text,
        "message": text,
        "containerId": text,
        "endpoints": [{"name": text, "allocatedHostPort": 1, "healthy": True}],
    }
    instance = {
        "id": text,
        "status": text,
        "statusSince": text,
        "agentHostname": text,
        "message": text,
        "specReference": text,
        "networks": [{"addresses": [text]}],
        "containers": [container],
    }
    ended = {"containerId": f"{text}.{text}.1", "lastKnownState": text, "termination": {"message": text}}
    return {
        "id": text,
        "status": text,
        "statusSince": text,
        "spec": {"version": text, "role": text, "scaling": {"instances": 1}, "containers": [{"name": text}]},
        "instances": [instance],
        "terminationHistory": [{"instanceID": text, "terminatedAt": text, "message": text, "containers": [ended]}],
    }


def deployment(text: str) -> Json:
    """A deployment likewise."""
    action = {"action": text, "pod": text, KEY: {"waitingFor": [text]}}
    return {
        "id": text,
        "version": text,
        "affectedPods": [text, text],
        KEY: {"reverts": text, "deadline": text},
        "steps": [{"actions": [action]}],
        "currentActions": [action],
        "currentStep": 1,
        "totalSteps": 1,
    }


def everything(text: str, look: Look) -> list[Any]:
    """Everything that is printed with ``screen.show``."""
    waiting = {
        "pod": {"id": text},
        "count": 1,
        "since": text,
        "delay": {"timeLeftSeconds": 0},
        "processedOffersSummary": {"processedOffersCount": 1},
        KEY: {"nearest": [{"agents": 1, "reason": text, "asked": text, "offered": text}] * 2},
    }
    group = {"id": text, "version": text, "pods": [status(text)], "groups": []}
    used = [{"instance": text, "containers": [{"name": text, "used": {}, "requested": {}}], "message": text}]
    return [
        tables.pods([status(text)], look),
        *tables.pod(status(text), look),
        tables.versions([text], status(text), look),
        tables.deployments([deployment(text)], look),
        *tables.deployment(deployment(text)),
        tables.queue([waiting], look),
        tables.group(group, look),
        watch.table([status(text)], text),
        top.table([], used, look),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=any_text)
@example(text=HOSTILE)
@example(text="web-[abc][red].*")
def test_any_text_in_a_table_is_shown_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    screen.show(*everything(text, Look(Form.WIDE)))
    shown = capsys.readouterr().out
    assert is_harmless(shown.replace("\n", ""))
    whole = visible(text if len(text) <= 1000 else text[:1000])
    assert not whole.strip() or shown.count(whole) > 40


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=any_text)
@example(text=HOSTILE)
def test_so_it_is_on_a_terminal(text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "is_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    screen.show(*everything(text, Look(Form.WIDE)))
    assert is_harmless(COLOURS.sub("", capsys.readouterr().out).replace("\n", ""))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(text=any_text)
@example(text=HOSTILE)
def test_so_are_lines(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    screen.say(text)
    screen.tell(text)
    screen.tell_lines([text])
    printed = capsys.readouterr()
    assert printed.out == printed.err[: len(printed.out)] == f"{visible(text)}\n"
    assert is_harmless(printed.err.replace("\n", ""))


def test_what_is_very_long_is_cut_and_says_how_long_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    screen.show(tables.pods([status("x" * 131_072)], Look()), *tables.deployment(deployment("y" * 131_072)))
    screen.say("z" * 131_072)
    shown = capsys.readouterr().out
    assert len(shown) < 200_000
    assert shown.count("(131072 characters)") > 5


def test_messages_of_agents_and_constraints_are_no_markup(run: Run, url: str, loop: FakeLoop) -> None:
    constraint = {"fieldName": "hostname", "operator": "LIKE", "value": "web-[abc][red].*"}
    loop.happens(PodPosted(1, definition(scheduling={"placement": {"constraints": [constraint]}})))
    loop.offers(offer("O1", "A1"))
    assert "web-[abc][red].*" in run("queue", "list").out


# -------------------------------------------------------------------------- the one way


def outside_of_the_way(path: Path) -> Iterator[str]:
    """The calls in a module that print without ``screen``."""
    for node in ast.walk(ast.parse(path.read_text())):
        where = f"{path.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"{where} {name}" for name in names if name.partition(".")[0] in ("rich", "click", "logging"))
        elif isinstance(node, ast.Name) and node.id == "print":
            yield f"{where} print"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in ("sys.stdout", "sys.stderr", "os.write") or re.fullmatch(
                "typer.(echo|secho|echo_via_pager|confirm|prompt|progressbar|style)", name
            ):
                yield f"{where} {name}"


def test_nothing_is_printed_but_by_the_screen() -> None:
    """Except the output of a command in a container."""
    found = [each for path in SOURCES if path.name != "screen.py" for each in outside_of_the_way(path)]
    assert [each for each in found if not re.fullmatch(r"terminal\.py:\d+ os\.write", each)] == []
    assert len(found) == 1


# --------------------------------------------------------------------------- log lines


def printed_log(line: str, capsys: pytest.CaptureFixture[str], *, colours: bool = False) -> str:
    """One line of a container, as printed."""
    screen.LogLines(colours=colours).print(line, "0123 one", "i")
    return capsys.readouterr().out


def test_log_lines_in_a_file_are_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed_log("\x1b[31mred\x1b[2J\r\u202e", capsys) == "0123 one | \x1b[31mred\x1b[2J\r\u202e\n"


def test_log_lines_on_a_terminal_keep_their_colours_if_wanted_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "is_terminal", lambda: True)
    line = "\x1b[31mred\t\x1b[2J\x1b]52;c;x\x07\r"
    monkeypatch.setenv("NO_COLOR", "1")
    shown = "0123 one | red\t\\x1b[2J\\x1b]52;c;x\\x07\n"
    assert printed_log(line, capsys) == shown
    coloured = shown.replace("red", "\x1b[31mred").replace("\n", "\x1b[0m\n")
    assert printed_log(line, capsys, colours=True) == coloured
    monkeypatch.delenv("NO_COLOR")
    assert printed_log(line, capsys).endswith(shown.removeprefix("0123 one"))


def test_a_file_of_a_container_is_exact_in_a_pipe_and_harmless_on_a_terminal(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = [b"\x1b]0;title\x07\xe2", b"\x80\xae\xff\n\x9b2J\t\xc3"]
    screen.pass_on(pieces)
    assert capfdbinary.readouterr().out == b"".join(pieces)
    monkeypatch.setattr(screen, "is_terminal", lambda: True)
    screen.pass_on(pieces)
    shown = capfdbinary.readouterr().out.decode()
    assert shown == "\\x1b]0;title\\x07\\u202e\ufffd\n\ufffd2J\t\ufffd"


# ------------------------------------------------------------- errors are not wrapped


@pytest.fixture(params=["piped", "terminal"])
def printed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run podexec in a narrow terminal; returns its output."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")

    def run_words(*words: str) -> str:
        command = [sys.executable, "-m", "scheduler.cli.main", *words]
        if request.param == "piped":
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stderr
        inner, outer = pty.openpty()
        process = subprocess.Popen(command, stdin=outer, stdout=outer, stderr=outer)
        os.close(outer)
        shown = b""
        try:
            while piece := os.read(inner, 65536):
                shown += piece
        except OSError:  # the end of a terminal
            pass
        os.close(inner)
        process.wait(60)
        return shown.decode()

    return run_words


def test_paths_and_commands_in_errors_are_whole(printed: Any, tmp_path: Path) -> None:
    """Long paths, with spaces and brackets, on a narrow terminal."""
    folder = tmp_path / "a folder [with/ spaces]" / ("x" * 100) / ("y y" * 30)
    folder.mkdir(parents=True)
    missing = folder / "pod.json"
    assert str(missing) in printed("pod", "add", str(missing))
    assert str(missing) in printed("scheduler", "--master", "localhost:5050", "--mesos-ca-file", str(missing))
    usage = printed("pod", "add", "--no-such-option", str(missing))
    assert re.search(r"podexec: No such option:? '?--no-such-option", usage)
    assert "  Usage: podexec pod add [OPTIONS] " in usage
    assert "  Try: podexec pod add --help" in usage
    unreachable = "http://127.0.0.1:1/" + "z" * 150
    assert unreachable in printed("pod", "list", "--url", unreachable)


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its arguments."""
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, *words, name)


def test_help_shows_all_that_it_has_to_say(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets in it are not markup."""
    monkeypatch.setenv("COLUMNS", "500")
    for words, command in commands(get_command(app)):
        shown = " ".join(run(*words, "--help").out.split())
        for parameter in command.params:
            text = getattr(parameter, "help", None) or ""
            assert " ".join(text.split()) in shown, (words, parameter.name)


def test_what_the_output_cannot_say_is_no_error() -> None:
    """A terminal of another encoding gets escapes."""
    environment = os.environ | {"PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "scheduler.cli.main", "pod", "add", "/nö/漢"]
    ended = subprocess.run(command, capture_output=True, encoding="latin-1", check=False, env=environment, timeout=60)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "/nö/\\u6f22" in ended.stderr
