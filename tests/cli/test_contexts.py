"""`podexec context`: named schedulers with credentials, and which one a command asks."""

import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from scheduler.cli import contexts
from scheduler.cli.client import Client
from scheduler.cli.options import DEFAULT_URL
from scheduler.cli.up import _how_to
from scheduler.core.events import PodPosted
from scheduler.core.views.extras import KEY
from tests.api.app import app_over
from tests.cli.conftest import Run, serving
from tests.core.support import definition
from tests.fakes.loop import FakeLoop

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of contexts, which does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "podexec" / "contexts.json"


@pytest.fixture
def asked(loop: FakeLoop) -> Iterator[tuple[str, list[str]]]:
    """The URL of a scheduler, and the credentials that it was sent."""
    sent: list[str] = []
    app = app_over(loop)
    loop.happens(PodPosted(1, definition(id="/web")))

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        sent.append(Headers(scope=scope).get("authorization", ""))
        await app(scope, receive, send)

    with serving(noting) as url:
        yield url, sent
        loop.bus.close()


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """On standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_set_list_use_show_remove(run: Run, file: Path) -> None:
    assert "There are no contexts." in run("context", "list").out
    first = run("context", "set", "prod", "--server", "https://me:hush@a:1,https://b:2", "--ca-file", "ca.pem")
    assert (first.code, first.out) == (0, "Context prod is set and in use.\n")
    second = run("context", "set", "test", "--server", NOBODY)
    assert (second.out, "podexec context use test" in second.err) == ("Context test is set.\n", True)
    listed = run("context", "list").out
    assert "hush" not in listed
    assert [line.split()[:2] for line in listed.splitlines()[1:]] == [["*", "prod"], ["test", NOBODY]]
    assert run("context", "use", "test").code == 0
    shown = json.loads(run("context", "show", "prod", "--json").out)
    assert (shown["credentials"], shown["current"], shown["caFile"]) == (
        "password",
        False,
        str(Path("ca.pem").absolute()),
    )
    assert "hush" not in json.dumps(shown)
    assert run("context", "show", "-o", "name").out == "test\n"
    assert run("context", "list", "-o", "name").out.split() == ["prod", "test"]
    refused = run("context", "remove", "test")
    assert (refused.code, "Pass --yes" in refused.err) == (2, True)
    assert run("context", "remove", "test", "--yes").code == 0
    assert "no context is in use" in run("context", "show").err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("command", [("use", "none"), ("show", "none"), ("remove", "none", "--yes")])
def test_a_context_that_does_not_exist(run: Run, command: tuple[str, ...]) -> None:
    run("context", "set", "prod", "--server", NOBODY)
    refused = run("context", *command)
    assert (refused.code, "there is no context 'none'" in refused.err, "prod" in refused.err) == (2, True, True)
    assert run("--context", "none", "pod", "list").code == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("[red]\x1b", "--server", NOBODY), "the name of a context must consist of"),
        (("", "--server", NOBODY), "the name of a context must consist of"),
        (("x" * 130_000, "--server", NOBODY), "the name of a context must consist of"),
        (("a", "--server", "ftp://x"), "--server 'ftp://x' is not an http(s) URL"),
        (("a", "--server", f"{NOBODY},http://"), "is not an http(s) URL"),
        (("a", "--server", NOBODY, "--key-file", "k"), "--key-file needs --cert-file"),
    ],
    ids=["control", "empty", "long", "scheme", "second", "key"],
)
def test_what_is_no_context_changes_nothing(run: Run, file: Path, words: tuple[str, ...], error: str) -> None:
    refused = run("context", "set", *words)
    assert (refused.code, error in refused.err, file.exists()) == (2, True, False)
    assert "\x1b" not in refused.err


def test_option_before_environment_before_context_before_default(
    run: Run, asked: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = asked
    monkeypatch.delenv("PODEXEC_URL", raising=False)
    run("context", "set", "prod", "--server", url)
    run("context", "set", "other", "--server", NOBODY)
    assert "/web" in run("pod", "list").out
    assert run("--context", "other", "pod", "list").code == 1
    monkeypatch.setenv("PODEXEC_CONTEXT", "other")
    assert f"no scheduler answers at {NOBODY}" in run("pod", "list").err
    assert "/web" in run("--context", "prod", "pod", "list").out
    monkeypatch.setenv("PODEXEC_URL", url)
    assert "/web" in run("pod", "list").out
    assert f"no scheduler answers at {NOBODY}" in run("pod", "list", "--url", NOBODY).err


def test_the_token_is_sent_to_its_own_scheduler_alone(
    run: Run, asked: tuple[str, list[str]], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sent = asked
    given(monkeypatch, "top-secret\nmore\n")
    assert run("context", "set", "prod", "--server", url, "--token").code == 0
    assert json.loads(file.read_text())["contexts"]["prod"]["token"] == "top-secret"
    run("pod", "list")
    assert set(sent) == {"Bearer top-secret"}
    sent.clear()
    run("pod", "list", "--url", url)
    assert set(sent) == {""}
    sent.clear()
    monkeypatch.setenv("PODEXEC_TOKEN", "another")
    run("pod", "list")
    assert set(sent) == {"Bearer another"}
    for command in (("list",), ("show",), ("list", "--json"), ("show", "-o", "yaml")):
        assert "top-secret" not in run("context", *command).out


@pytest.mark.parametrize("text", ["\n", "", "ö\n", "a\x1bb\n"])
def test_a_token_that_is_none(run: Run, file: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, text)
    refused = run("context", "set", "prod", "--server", NOBODY, "--token")
    assert (refused.code, "must be printable ASCII" in refused.err, file.exists()) == (2, True, False)


def test_a_file_that_others_may_use_is_refused(run: Run, file: Path) -> None:
    run("context", "set", "prod", "--server", NOBODY)
    before = file.read_bytes()
    file.chmod(0o640)
    for words in (("pod", "list"), ("context", "list"), ("context", "set", "b", "--server", NOBODY)):
        refused = run(*words)
        assert (refused.code, f"chmod 600 {file}" in refused.err) == (2, True), words
    assert file.read_bytes() == before
    assert "no scheduler answers" in run("pod", "list", "--url", NOBODY).err, "it is not needed for that"


def test_a_file_of_another_user_is_refused(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("context", "set", "prod", "--server", NOBODY)
    os.chown(file, 4242, 4242)
    refused = run("pod", "list")
    assert (refused.code, "belongs to another user" in refused.err) == (2, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"contexts": {"a": {}}}',
        b'{"contexts": {"a": {"url": 1}}}',
        b'{"x": 1}',
        b"[" * 9000,
        b" " * (contexts._LARGEST + 1),
    ],
    ids=["empty", "cut", "bytes", "list", "no url", "number", "unknown", "deep", "large"],
)
def test_a_file_of_something_else(run: Run, file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    file.chmod(0o600)
    refused = run("pod", "list")
    assert (refused.code, str(file) in refused.err) == (2, True)
    assert run("context", "use", "a").code == 2
    assert file.read_bytes() == content


@pytest.mark.parametrize("make", [Path.mkdir, lambda file: os.mkfifo(file, 0o600)], ids=["folder", "fifo"])
def test_what_is_no_file(run: Run, file: Path, make: object) -> None:
    file.parent.mkdir()
    assert callable(make)
    make(file)
    assert run("pod", "list").code == 2


@pytest.mark.parametrize("in_use", ["nothing", "context", "variable", "damaged"])
def test_commands_that_up_prints_ask_its_scheduler(
    run: Run, file: Path, in_use: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if this user's commands ask another one by default."""
    monkeypatch.delenv("PODEXEC_URL", raising=False)
    if in_use in ("context", "damaged"):
        run("context", "set", "prod", "--server", NOBODY)
    if in_use == "damaged":
        file.chmod(0o644)
    if in_use == "variable":
        monkeypatch.setenv("PODEXEC_URL", NOBODY)
    monkeypatch.setattr(Client, "info", lambda _: {KEY: {"mesos": {"version": "1.11.0"}}})
    with Client(DEFAULT_URL) as client:
        lines = _how_to(client, {"id": "/hello", "instances": [], "spec": {"containers": []}}, "")
    (shown,) = (each for each in lines if "pod show" in each)
    assert shown.endswith("pod show /hello" if in_use == "nothing" else f"pod show /hello --url {DEFAULT_URL}")
