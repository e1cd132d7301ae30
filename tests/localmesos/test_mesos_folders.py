"""Folders of root's clusters, which are open to the users of tasks with any umask."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesos import system


@pytest.fixture
def private() -> Iterator[None]:
    """A process whose umask closes its files to others."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_every_user_may_enter_what_root_makes(tmp_path: Path, private: None) -> None:
    system.make_folder(tmp_path / "a/b")

    assert [(tmp_path / each).stat().st_mode & 0o777 for each in ("a", "a/b")] == [0o755, 0o755]


def test_what_is_there_stays_as_it_is_and_is_named(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(0o700)
    system.make_folder(shut / "a/b")

    assert shut.stat().st_mode & 0o777 == 0o700
    assert system.shut_out_at(shut / "a/b") == shut


def test_others_than_root_keep_theirs_to_themselves(
    tmp_path: Path, private: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    system.make_folder(tmp_path / "a")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
