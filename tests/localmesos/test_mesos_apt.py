"""The program that finds missing Debian packages before anything is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localmesos import apt


def test_a_package_is_present_when_what_it_gives_is(tmp_path: Path) -> None:
    assert apt.Package("any", command="sh").is_installed()
    assert not apt.Package("any", command="no-such-command").is_installed()
    assert apt.Package("any", path=str(tmp_path)).is_installed()
    assert not apt.Package("any", library="libnosuch.so.1").is_installed()


def test_what_only_root_can_use_is_not_asked_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = (apt.Package("for-all", path="/nosuch"), apt.Package("for-root", path="/nosuch", root_only=True))
    monkeypatch.setattr(apt, "PACKAGES", packages)
    assert apt.missing(root=False) == ("for-all",)
    assert apt.missing(root=True) == ("for-all", "for-root")


def test_extras_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "PACKAGES", ())
    monkeypatch.setattr(apt, "EXTRAS", {"zookeeper": apt.Package("zookeeper", path="/nosuch")})
    assert apt.missing() == ()
    assert apt.missing(("zookeeper",)) == ("zookeeper",)


def test_the_line_to_type_is_printed_and_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(apt, "PACKAGES", (apt.Package("one", path="/nosuch"), apt.Package("two", path="/nosuch")))
    monkeypatch.setattr(sys, "argv", ["apt"])
    assert apt.main() == 1
    assert "apt-get install --yes --no-install-recommends one two" in capsys.readouterr().out


def test_it_needs_the_standard_library_only() -> None:
    root = Path(apt.__file__).parents[1]
    command = [sys.executable, "-S", "-m", "localmesos.apt", "--with", "zookeeper"]
    done = subprocess.run(command, cwd=root, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert ("apt-get install" in done.stdout) == (done.returncode == 1)
