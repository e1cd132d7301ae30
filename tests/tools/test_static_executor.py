"""The executor as one file that needs no Python, as it is built."""

import os
import shutil
import stat
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest

from localmesos import apt
from podexec import zipapp
from tests.conftest import ROOT, build_static_executor
from tools.static_executor import cache, debian
from tools.static_executor.errors import BuildError

MEGABYTE = 1_000_000


def test_two_builds_in_different_folders_are_equal(static_executor: Path, tmp_path: Path) -> None:
    """The sources, what was downloaded and the result are elsewhere, and so is the user's environment."""
    tree, downloads = tmp_path / "another tree", tmp_path / "cache" / "podexec" / "static-executor"
    for package in ("podexec", "tools", "localmesos"):
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__", "executor-*"))
    downloads.mkdir(parents=True)
    for each in cache.folder().iterdir():
        if each.is_dir():
            (downloads / each.name).symlink_to(each)
    again = build_static_executor(
        tmp_path / "again", tree, {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    )
    assert again.read_bytes() == static_executor.read_bytes()


def test_it_is_small_enough_for_a_thousand_agents_to_fetch(static_executor: Path) -> None:
    content = static_executor.read_bytes()
    assert len(content) <= 15 * MEGABYTE
    assert len(zlib.compress(content)) <= 8 * MEGABYTE


def test_it_runs_without_environment_libraries_and_files(static_executor: Path, tmp_path: Path) -> None:
    """In a folder that has nothing else: no loader, no C library, no /etc. It needs /proc, which agents have."""
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    shutil.copy(static_executor, root / "executor")
    inside = 'mount --bind /proc "$1/proc" && exec chroot "$1" /executor --version'
    command = ["unshare", "--mount", "/bin/sh", "-c", inside, "sh", str(root)]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("podexec 0.1.0\n", "", 0)
    segments = subprocess.run(["readelf", "-l", str(static_executor)], capture_output=True, check=True).stdout
    assert b"INTERP" not in segments, "no dynamic loader"


def test_it_contains_bytecode_and_the_licenses_of_all_that_is_in_it(static_executor: Path) -> None:
    assert stat.S_IMODE(static_executor.stat().st_mode) == 0o755
    with zipfile.ZipFile(static_executor) as archive:
        names = set(archive.namelist())
        notice = archive.read("licenses/NOTICE").decode()
    expected = {
        "podexec/machine.pyc",
        "podexec/_vendor/pymesos/executor.pyc",
        "structlog/__init__.pyc",
        "addict/addict.pyc",
    }
    assert expected | {"psutil/__init__.pyc", "ssl.pyc"} <= names
    assert {name for name in names if not name.endswith(".pyc") and not name.startswith("licenses/")} == set()
    assert {name.split("/")[1] for name in names if name.startswith("licenses/")} == {
        *("NOTICE", "addict", "glibc", "openssl", "psutil", "pymesos", "python", "structlog", "zlib"),
    }
    for package in ("libpython3.11-dev", "libssl-dev", "zlib1g-dev", "libc6-dev", "source of python3.11"):
        assert f"{package} " in notice


def test_missing_packages_are_named_to_those_who_cannot_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = (apt.Package("no-such-dev", path="/no/such.h"), apt.Package("sh", command="sh"))
    monkeypatch.setattr(debian, "PACKAGES", packages)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BuildError, match=r"sudo apt-get install .* no-such-dev$"):
        debian.require()


def test_another_processor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(BuildError, match="x86_64 only"):
        debian.require()


def test_a_build_that_fails_leaves_the_file_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "executor"
    file.write_text("before")

    def build() -> None:
        with zipapp.replacing(file) as new:
            new.write(b"half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        build()
    assert ([each.name for each in tmp_path.iterdir()], file.read_text()) == (["executor"], "before")


def test_what_could_not_be_downloaded_is_downloaded_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def breaks(into: Path) -> None:
        (into / "half").touch()
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        cache.once("thing", breaks)
    assert list((cache.once("thing", lambda into: (into / "whole").touch())).iterdir()) == [
        cache.folder() / "thing" / "whole"
    ]
    assert cache.once("thing", breaks).is_dir(), "not again"
