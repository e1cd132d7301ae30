"""Every command that uses the API, against servers whose every string is hostile: none reaches the terminal raw."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typer.main import get_command

from scheduler.cli import events, screen, waiting
from scheduler.cli.inside import commands as inside_commands
from scheduler.cli.main import app
from scheduler.cli.stream import Event
from scheduler.core.events import PodPosted, StatusUpdated
from scheduler.loop.inside import InsideError, Why
from scheduler.model.json import Json
from scheduler.model.records import Condition
from tests.api.app import app_over
from tests.cli.conftest import Run, Stage, serving
from tests.cli.test_screen import commands
from tests.core.support import definition as pod_definition
from tests.fakes.inside import FakeSession
from tests.fakes.loop import FakeLoop
from tests.observe.test_visible import COLOURS, is_harmless

HOSTILE = "\x1b[2J\x1b]0;title\x07\x1b]52;c;eA==\x07\x00\x08\r\n\x7f\x9b31m\x9d\u202e\u2066\u200b\u2028\ufeff[red]"
DEFINITION = "{id: /new, containers: [{name: one, resources: {mem: 32}}]}"
COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("events",): ("--since", "0"),
    ("pod", "logs"): ("web",),
    ("pod", "exec"): ("web", "-c", "one", "--", "sh"),
    ("pod", "top"): ("web",),
    ("pod", "cp"): ("-c", "one", "web:x", "copied"),
    ("pod", "port-forward"): ("web", "none"),
    ("pod", "files"): ("web", "-c", "one"),
    ("pod", "add"): ("pod.yaml", "--wait", "--timeout", "0.1"),
    ("pod", "update"): ("pod.yaml", "--wait", "--timeout", "0.1"),
    ("pod", "list"): (),
    ("pod", "show"): ("web",),
    ("pod", "plan"): ("pod.yaml",),
    ("pod", "versions"): ("web",),
    ("pod", "diff"): ("web",),
    ("pod", "rollback"): ("web", "--yes", "--wait", "--timeout", "0.1"),
    ("pod", "timeline"): ("web",),
    ("pod", "why"): ("web",),
    ("pod", "history"): ("web", "--diff"),
    ("pod", "endpoints"): ("web",),
    ("pod", "kill"): ("web", "--yes"),
    ("pod", "scale"): ("web", "0", "--yes", "--wait", "--timeout", "0.1"),
    ("pod", "restart"): ("web", "--yes", "--wait", "--timeout", "0.1"),
    ("pod", "stop"): ("web", "--yes", "--wait", "--timeout", "0.1"),
    ("pod", "start"): ("web", "--wait", "--timeout", "0.1"),
    ("pod", "wait"): ("web", "--timeout", "0.1"),
    ("pod", "remove"): ("web", "--yes", "--wait", "--timeout", "0.1"),
    ("group", "list"): (),
    ("group", "remove"): ("/", "--yes", "--wait", "--timeout", "0.1"),
    ("deployment", "list"): (),
    ("deployment", "show"): ("D",),
    ("deployment", "stop"): ("D",),
    ("deployment", "rollback"): ("D",),
    ("deployment", "pause"): ("D",),
    ("deployment", "resume"): ("D",),
    ("deployment", "watch"): ("D", "--timeout", "0.1"),
    ("board",): (),
    ("doctor",): (),
    ("leader", "show"): (),
    ("leader", "abdicate"): ("--yes",),
    ("agent", "list"): (),
    ("agent", "show"): ("a1",),
    ("orphan", "list"): (),
    ("orphan", "adopt"): ("O", "pod.yaml"),
    ("orphan", "kill"): ("none", "--yes"),
    ("queue", "list"): (),
    ("queue", "reset-delay"): ("web",),
}


def test_no_command_is_left_out() -> None:
    of_api = {words for words, command in commands(get_command(app)) if "url" in {each.name for each in command.params}}
    assert of_api == set(COMMANDS)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a definition; commands pause not, and what would go on for ever is interrupted."""
    monkeypatch.chdir(tmp_path)
    Path("pod.yaml").write_text(DEFINITION)
    monkeypatch.setattr(inside_commands, "_INTERVAL", 0)
    monkeypatch.setattr(waiting, "_POLL", 0)
    monkeypatch.setattr(waiting, "_OUTCOME_SECONDS", 0.1)
    line, printed = events._line, []

    def interrupted(event: Event | float) -> str:
        if printed or not isinstance(event, Event):
            raise KeyboardInterrupt
        printed.append(line(event))
        return printed[0]

    monkeypatch.setattr(events, "_line", interrupted)
    monkeypatch.setattr(events, "time", SimpleNamespace(sleep=interrupted))


@pytest.fixture(params=["piped", "terminal"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the output is taken for a terminal's, with colours."""
    if request.param == "terminal":
        monkeypatch.setattr(screen, "is_terminal", lambda: True)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "2000")
    return str(request.param)


def require_harmless(printed: str) -> None:
    """Own colours of a table may be in it."""
    assert is_harmless(COLOURS.sub("", printed).replace("\n", "").replace("\t", "")), repr(printed)


# --------------------------------------------------------------- the API, with hostile strings


def poisoned(value: Any) -> Any:
    """The same with every string hostile; each still begins as it did, so that commands find what they look for."""
    match value:
        case str():
            return value + HOSTILE
        case list():
            return [poisoned(each) for each in value]
        case dict():
            return {name: poisoned(each) for name, each in value.items()} | {HOSTILE: HOSTILE}
    return value


class Poisoned:
    """The API behind a server that changes all that it says."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""

        async def changed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [each for each in message["headers"] if each[0].lower() != b"content-length"]
                warning = (
                    b'299 podexec "'
                    + HOSTILE.encode("latin-1", "ignore").translate(None, bytes(range(32)) + b"\x7f")
                    + b'"'
                )
                message = {**message, "headers": [*headers, (b"warning", warning)]}
            elif message["type"] == "http.response.body" and message.get("body"):
                message = {**message, "body": self._changed(message["body"])}
            await send(message)

        await self._inner(scope, receive, changed)

    def _changed(self, body: bytes) -> bytes:
        """JSON, lines of JSON, or events of a stream; anything else stays as it is."""
        lines = []
        for line in body.split(b"\n"):
            data = line.removeprefix(b"data: ")
            try:
                lines.append(line[: len(line) - len(data)] + json.dumps(poisoned(json.loads(data))).encode())
            except ValueError:
                lines.append(line)
        return b"\n".join(lines)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_strings_of_the_api_are_shown_not_obeyed(
    words: tuple[str, ...], form: str, stage: Stage, loop: FakeLoop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of pods, instances, messages, agents, events, deployments, files, errors of commands, and lines of logs."""

    async def program(session: FakeSession) -> None:
        session.writes(HOSTILE.encode("utf-8", "surrogatepass"), is_error=session.command[0] == "tar")
        session.ends(InsideError(Why.ABSENT, f"the container ended: {HOSTILE}") if session.command[0] == "sh" else 2)

    stage.inside.program = program
    for task in stage.tasks:
        sandbox = stage.inside.runs[task].sandbox
        stage.inside.write(stage.inside.runs[task], HOSTILE.encode("utf-8", "surrogatepass") + b"\n")
        stage.inside.files[f"{sandbox}/{HOSTILE}"] = b""
    loop.happens(PodPosted(1, pod_definition(id="/waiting")))
    loop.happens(StatusUpdated("O", Condition.RUNNING, "A1", None, loop.now))  # an orphan
    with serving(Poisoned(app_over(loop, inside=stage.inside))) as url:
        outcome = run(*words, "--url", url, *COMMANDS[words])
    if words == ("pod", "exec"):
        require_harmless(outcome.err)  # the output of the command is for the terminal
    elif words != ("pod", "logs") or form == "terminal":
        require_harmless(outcome.out + outcome.err)
    if "logs" not in words and words != ("board",):  # which needs a terminal
        assert "\\x1b[2J" in outcome.out + outcome.err, outcome


# ----------------------------------------------------------------------------- another server


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that gives this answer to every request."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                connection.recv(65536)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


def http(status: str, body: Any, *headers: str) -> bytes:
    """An answer; a body that is no bytes is JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(content)}", "Connection: close", "", "")
    return "\r\n".join(lines).encode("latin-1", "replace") + content


RAW = HOSTILE.encode("utf-8", "surrogatepass")
IN_HEADER = HOSTILE.translate(dict.fromkeys(map(ord, "\r\n\0")))
DETAILS: Json = {"details": [{"path": HOSTILE, "errors": [HOSTILE]}], "deployments": [{"id": HOSTILE}]}
ANSWERS = {
    "error": http("422 x", {"message": HOSTILE, **DETAILS}),
    "odd error": http("409 x", {"message": [HOSTILE], "details": [HOSTILE, 1, None], "deployments": [HOSTILE]}),
    "odder error": http("409 x", {"message": {HOSTILE: 1}, "details": {HOSTILE: 1}, "deployments": 1}),
    "error as text": http("500 x", RAW),
    "error as string": http("401 x", HOSTILE),
    "a reason": http(f"500 {IN_HEADER}", RAW, f"Content-Type: {IN_HEADER}", f"Warning: {IN_HEADER}"),
    "redirect": http("302 x", b"", f"Location: http://{IN_HEADER}/"),
    "text": http("200 x", RAW),
    "string": http("200 x", HOSTILE),
    "list": http("200 x", [HOSTILE, {HOSTILE: HOSTILE}]),
    "object": http(
        "200 x",
        {
            HOSTILE: HOSTILE,
            "id": HOSTILE,
            "queue": HOSTILE,
            "orphans": [HOSTILE],
            "agents": [HOSTILE],
            "pods": [HOSTILE],
        },
    ),
    "events": http("200 x", b"event: " + RAW + b"\nid: " + RAW + b"\ndata: {" + RAW + b"}\n\n"),
    "no http": RAW,
    "nothing": b"",
    "half": http("200 x", RAW * 100)[:300],
}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_answers_of_another_server_are_errors_and_harmless(words: tuple[str, ...], run: Run) -> None:
    for name, answer in ANSWERS.items():
        with answering(answer) as url:
            outcome = run(*words, "--url", url, *COMMANDS[words])
        require_harmless(outcome.err)
        if words not in (("pod", "logs"), ("pod", "files")):
            require_harmless(outcome.out)
        assert outcome.code in (0, 1, 2, 130), name


def test_what_cannot_be_understood_is_one_error_with_what_to_check(run: Run) -> None:
    with answering(ANSWERS["list"]) as url:
        outcome = run("pod", "show", "web", "--url", url)
    assert (outcome.code, outcome.out) == (1, "")
    assert "check that --url is that of a podexec scheduler" in outcome.err
