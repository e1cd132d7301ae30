"""Which Python runs executors. Folders are not below pytest's own, which other users cannot enter."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.cli import pythons


@pytest.fixture
def python() -> Iterator[Path]:
    """A Python that every user may run."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "home", "python")
        path.parent.mkdir(mode=0o755)
        path.write_text('#!/bin/sh\nexec /usr/bin/python3 "$@"\n')
        path.chmod(0o755)
        yield path


def forget() -> None:
    pythons.executor_python.cache_clear()
    pythons.runs_for_everybody.cache_clear()


@pytest.fixture(autouse=True)
def ask_anew() -> Iterator[None]:
    """Clears cached results, also those of other tests in this process."""
    forget()
    yield
    forget()


def test_one_in_a_home_that_is_shut_is_passed_over(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_base_executable", str(python))
    assert pythons.executor_python() == str(python)
    forget()
    python.parent.chmod(0o700)

    assert pythons.executor_python() != str(python)
    assert pythons.users_left_out() is None


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/python", "/etc/passwd"])
def test_what_is_no_python_is_passed_over(program: str) -> None:
    assert not pythons.runs_for_everybody(program)


def test_where_there_is_none_that_is_said(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python.parent.chmod(0o700)
    monkeypatch.setattr(sys, "_base_executable", str(python))
    monkeypatch.setattr(pythons, "_SYSTEM_PATH", "/no/such/folder")

    assert pythons.executor_python() == str(python)
    assert f"only root may run {python}" in str(pythons.users_left_out())


def test_without_root_there_are_no_other_users(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_base_executable", str(python))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert (pythons.executor_python(), pythons.users_left_out()) == (str(python), None)
