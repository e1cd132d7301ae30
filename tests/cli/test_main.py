"""The command as a whole: help, version, spelling of options, and start-up time."""

import hashlib
import json
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from scheduler.api.openapi import document
from scheduler.cli.executor_file import packaged
from scheduler.cli.main import app
from tests.cli.conftest import Run
from tests.fakes.loop import FakeLoop


def test_help_names_the_nouns(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert "pod" in outcome.out
    assert "scheduler" in outcome.out


def test_the_version_comes_with_what_podexec_contains(run: Run) -> None:
    lines = run("--version").out.splitlines()
    assert lines == run("version").out.splitlines()
    assert lines[0] == f"podexec {version('podexec')}"
    told = {words[0]: words[1:] for words in map(str.split, lines)}
    assert " ".join(told["Python"]) == f"{platform.python_version()} ({sys.executable})"
    assert told["pymesos"] == ["0.3.15", "(bundled)"]
    assert told["executor"][0] == version("podexec")
    assert told["local"] == ["Mesos", "1.11.0"]
    assert (Path(" ".join(told["installed"])) / "scheduler").is_dir()


def test_versions_for_programs(run: Run) -> None:
    told = json.loads(run("version", "--json").out)
    assert (told["podexec"], told["pymesos"], told["mesos"]) == (version("podexec"), "0.3.15", "1.11.0")
    assert (told["executor_file"], told["executor_sha256"]) == (None, None)
    static = packaged()
    assert told["static_sha256"] == (None if static is None else hashlib.sha256(static.read_bytes()).hexdigest())


def test_the_version_shows_the_checksum_of_the_executors_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "an executor\x1b"
    file.write_bytes(b"a program")
    monkeypatch.setenv("PODEXEC_EXECUTOR", str(file))
    digest = hashlib.sha256(b"a program").hexdigest()
    assert f"PODEXEC_EXECUTOR={tmp_path}/an executor\\x1b (SHA-256 {digest})\n" in run("--version").out
    told = json.loads(run("version", "--json").out)
    assert (told["executor_file"], told["executor_sha256"]) == (str(file), digest)


@pytest.mark.parametrize("missing", ["no-such-file", "."])
def test_the_version_is_also_told_if_the_executors_file_cannot_be_read(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setenv("PODEXEC_EXECUTOR", missing)
    outcome = run("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"PODEXEC_EXECUTOR={Path(missing).absolute()} (cannot be read)\n" in outcome.out


@pytest.mark.parametrize("named", ["default", "https://example.com/podexec.pyz"])
def test_an_executor_that_is_no_file_of_this_machine_has_no_checksum(
    run: Run, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("PODEXEC_EXECUTOR", named)
    assert "PODEXEC_EXECUTOR" not in run("--version").out


@pytest.mark.parametrize("words", [("nonsense",), ("pod", "nonsense"), ("pod", "list", "--nonsense"), ("pod", "show")])
def test_wrong_usage_ends_with_2(run: Run, words: tuple[str, ...]) -> None:
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.err.startswith("podexec: ")
    assert f"Try: podexec{' pod' if words[0] == 'pod' else ''}" in outcome.err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("pdo", "list"), "Did you mean 'pod'?"),
        (("pod", "lits"), "Did you mean 'list'?"),
        (("pod", "list", "--wacth"), "--watch"),
    ],
)
def test_what_is_misspelled_is_suggested(run: Run, words: tuple[str, ...], meant: str) -> None:
    outcome = run(*words)
    assert (outcome.code, meant in outcome.err) == (2, True), outcome.err


def test_underscores_stand_for_dashes(run: Run) -> None:
    outcome = run("scheduler", "--master", "localhost:5050", "--http_port", "99999")
    assert outcome.code == 2
    assert "65535" in outcome.err


def test_a_variable_sets_an_option(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_MASTER", "/nonsense")
    outcome = run("scheduler")
    assert outcome.code == 2
    assert "/nonsense" in outcome.err


def test_the_command_line_wins_over_the_variable(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODEXEC_URL", "http://127.0.0.1:1")
    assert run("pod", "list", "--url", url).code == 0


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """Help and completion do not import the server's libraries."""
    heavy = {"starlette", "uvicorn", "podexec._vendor.pymesos", "httpx2", "kazoo", "pydantic", "yaml"}
    script = f"import sys, scheduler.cli.main; print(*sorted({heavy!r} & sys.modules.keys()))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


def test_pod_commands_do_not_import_the_server(url: str, loop: FakeLoop) -> None:
    script = (
        "import sys; from scheduler.cli.main import main\n"
        "try: main(['pod', 'list'])\n"
        "except SystemExit: pass\n"
        "server = {'starlette', 'uvicorn', 'podexec._vendor.pymesos', 'kazoo'}\n"
        "print(*sorted(server & sys.modules.keys()), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "no pods" in ended.stdout
    assert ended.stderr.split() == []


def test_every_option_and_every_path_is_in_the_documentation() -> None:
    """docs/cli.md has each option of the scheduler, docs/api.md each path."""
    pages = Path(__file__).parents[2] / "docs"
    commands = get_command(app)
    assert isinstance(commands, TyperGroup)
    scheduler = commands.commands["scheduler"]
    options = {name for parameter in scheduler.params for name in parameter.opts if name != "--help"}
    assert {name for name in options if f"`{name}`" not in (pages / "cli.md").read_text()} == set()
    text = (pages / "api.md").read_text()
    names = {
        "pod_id": "ID",
        "group_id": "ID",
        "deployment_id": "ID",
        "version": "VERSION",
        "instance_id": "INSTANCE",
        "orphan_id": "ORPHAN",
        "path": "PATH",
        "sha256": "CHECKSUM",
    }
    paths = {path.format(**names) for path in document("1.2.3")["paths"]} - {"/v2/deployments/ID/resume"}
    assert {path for path in paths if not re.search(rf"[A-Z] {re.escape(path)}[`?]", text)} == set()
