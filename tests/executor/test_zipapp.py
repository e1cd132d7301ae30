"""The executor as one file."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from podexec import zipapp
from tests.executor.conftest import PYTHON, Executor
from tests.fakes.agent import FakeAgent, task

# What a pod without checks never needs before its containers run.
LATE = {
    *("addict", "asyncio", "calendar", "dataclasses", "datetime", "email", "encodings.idna", "http", "http.client"),
    *(
        "podexec._vendor.http_parser",
        "inspect",
        "kazoo",
        "locale",
        "logging",
        "pathlib",
        "platform",
        "podexec.checks",
        "podexec.http_check",
        "psutil",
    ),
    *("random", "six", "shlex", "ssl", "structlog", "subprocess", "traceback", "urllib", "urllib.parse", "uuid"),
}


def test_the_same_inputs_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert zipapp.build(tmp_path / "again.pyz").read_bytes() == archive.read_bytes()


def test_it_holds_what_the_executor_imports_and_not_its_own_builder(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())
    assert {"__main__.py", "podexec/machine.py", "podexec/machine.pyc", "podexec/_vendor/pymesos/executor.pyc"} <= names
    assert "structlog/__init__.py" in names
    in_vain = ("addict", "podexec/_vendor/http_parser", "six")
    assert not {n for n in names if n.startswith(in_vain)}, "pymesos imports them in vain"
    assert not {n for n in names if n.startswith(("podexec/zipapp", "podexec/testing"))}
    assert any(n.startswith("licenses/structlog/") for n in names)
    assert "licenses/pymesos/LICENSE" in names


def test_it_runs_a_pod_without_a_word_that_is_not_of_the_log(agent: FakeAgent, executor: Executor) -> None:
    agent.launch_group(task("web"))
    agent.wait_state("web", "TASK_STARTING", "TASK_RUNNING")
    agent.exit("web", 0)
    assert executor.wait_exit() == 0
    assert executor.log.count("\n") == executor.log.count("level="), "no warning, no traceback"


def test_it_is_executable_and_says_its_version(archive: Path) -> None:
    assert archive.stat().st_mode & 0o111 == 0o111
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(archive), "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "podexec 0.1.0\n"


def test_it_is_a_program_for_the_interpreter_it_was_built_for(tmp_path: Path) -> None:
    """It runs in any folder and without an environment."""
    python = tmp_path / "a folder" / "python of mine"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    program = zipapp.build(tmp_path / "mesos-default-executor", str(python))
    command = [str(program), "--launcher_dir=/usr/libexec/mesos", "--version"]
    done = subprocess.run(command, env={}, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "podexec 0.1.0\n"


def older_pythons() -> list[str]:
    """Those of this machine; the names may be there without a program that runs."""
    names = ("python2.7", *(f"python3.{minor}" for minor in range(4, 11)))
    places = [os.environ["PATH"], *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    found = [shutil.which(name, path=place) for name in names for place in places]
    return [each for each in found if each and subprocess.run([each, "-c", ""], check=False).returncode == 0]


def test_an_older_python_says_so_in_one_line(archive: Path) -> None:
    """The options with which agents start it are older than Python 3, too."""
    pretends = (
        f"import runpy, sys; sys.version_info = (3, 6, 15); runpy.run_path({str(archive)!r}, run_name='__main__')"
    )
    commands = [[each, "-E", "-s", "-S", str(archive)] for each in older_pythons()]
    for command in [[sys.executable, "-c", pretends], *commands]:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert f"podexec: {command[0]} on this agent is Python " in done.stderr
        assert "needs Python 3.11 or later" in done.stderr


def test_its_first_file_has_only_syntax_that_old_pythons_read(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        tree = ast.parse(opened.read("__main__.py"), feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.NamedExpr, ast.AnnAssign, ast.AsyncFunctionDef, ast.Nonlocal, ast.Starred)
    assert [each for each in ast.walk(tree) if isinstance(each, newer)] == []


def test_a_missing_dependency_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zipapp, "_BUNDLED", {"no-such-distribution": "no_such_module"})
    with pytest.raises(zipapp.BuildError, match="install the distribution no-such-distribution"):
        zipapp.build(tmp_path / "x.pyz")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_imported_that_the_first_launch_does_not_need(
    agent: FakeAgent, archive: Path, tmp_path: Path
) -> None:
    """Checks, TLS, structlog and further dependencies are imported only when they are needed."""
    program = f"""
import os, sys
sys.path.insert(0, {str(archive)!r})
sys.addaudithook(lambda event, given: event == "import" and os.write(2, f"imported {{given[0]}} .\\n".encode()))
from podexec import log
log.start = lambda: None  # it imports structlog, after the launch or half a second
from podexec.__main__ import run
run()
"""
    executor = Executor(agent, tmp_path, (PYTHON, "-I", "-S", "-c", program), {})
    try:
        agent.wait_subscribed()
        agent.launch_group(task("web"), task("db"))
        agent.wait_state("web", "TASK_STARTING", "TASK_RUNNING")
        agent.wait_state("db", "TASK_STARTING", "TASK_RUNNING")
    finally:
        executor.end()
    imported = set(re.findall(r"^imported (\S+) \.$", executor.log, re.MULTILINE))
    assert {"podexec.machine", "podexec.worker", "podexec._vendor.pymesos.executor"} <= imported
    assert LATE & imported == set()


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size < 1_500_000
