"""The wheel and the source archive contain exactly the tree's files, and work without a clone."""

import json
import os
import re
import shlex
import shutil
import socket
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from localmesos import Cluster
from localmesos.remains import listing
from tests.installed.conftest import MARK, ROOT, Built, Installed

PACKAGES = ("podexec", "scheduler", "localmesos")
# The first test builds, and the first that runs something installs.
pytestmark = pytest.mark.timeout(600)
NAME = f"wheel-{os.getpid()}"


def of_the_tree() -> set[str]:
    """Every file of the packages."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_file_of_the_packages_the_license_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
        about = {name for name in names if ".dist-info/" in name}
        assert names - about == of_the_tree()
        (license_text,) = (name for name in about if name.endswith("/LICENSE"))
        assert wheel.read(license_text) == (ROOT / "LICENSE").read_bytes()
        (metadata,) = (name for name in about if name.endswith("/METADATA"))
        told = Parser().parsestr(wheel.read(metadata).decode())
    assert (told["Name"], told["Requires-Python"]) == ("podexec", ">=3.11.2")
    for name in of_the_tree():
        if name.endswith((".json", ".cpp", ".hpp")):
            with zipfile.ZipFile(built.wheel) as wheel:
                assert wheel.read(name) == (ROOT / name).read_bytes()


def test_the_archive_of_the_sources_has_what_its_own_readme_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert of_the_tree() <= names
    pages = set(re.findall(r"\]\(([\w/.-]+\.md)\)", (ROOT / "README.md").read_text()))
    needed = {"LICENSE", "README.md", "compat/http-parser/pyproject.toml", "examples/hello.json", *pages}
    assert needed <= names
    assert not {name for name in names if name.startswith(("tests", "bench", "."))}


def test_definitions_are_checked_and_rendered(installed: Installed, trap: Path) -> None:
    shutil.copy(ROOT / "examples" / "hello.json", trap / "mine.json")
    assert "valid" in installed.run("podexec", "pod", "validate", "mine.json", cwd=trap).stdout
    rendered = json.loads(installed.run("podexec", "pod", "render", "mine.json", cwd=trap).stdout)
    assert rendered
    schema = json.loads(installed.run("podexec", "pod", "schema", cwd=trap).stdout)
    assert schema["properties"]["containers"]
    assert installed.run("podexec", "--version", cwd=trap).stdout == "podexec 0.1.0\n"
    assert not (trap / MARK).exists()


def test_the_executor_is_built_and_runs(installed: Installed, trap: Path) -> None:
    """As docs/executor.md says."""
    installed.run("python", "-P", "-m", "podexec.zipapp", "--output", "podexec.pyz", cwd=trap)
    ran = installed.run("python", "-I", "-S", "podexec.pyz", "--version", cwd=trap)
    assert ran.stdout == "podexec 0.1.0\n"
    assert not (trap / MARK).exists()


def test_up_runs_a_pod_names_only_what_is_there_and_down_leaves_nothing(installed: Installed, trap: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    try:
        up = installed.run("podexec", "up", "--detach", "--name", NAME, "--listen", listen, cwd=trap)
        state = Cluster(NAME).state
        copied = re.search(r"edit a copy of (.*), then: (.*) pod update FILE", up.stdout)
        assert copied, up.stdout
        for word in copied.groups():
            (path,) = shlex.split(word)
            assert (trap / path).is_file(), up.stdout
        assert "examples/" not in up.stdout
        (trap / "changed.json").write_bytes((trap / shlex.split(copied[1])[0]).read_bytes())
        installed.run("podexec", "pod", "update", "changed.json", "--url", f"http://{listen}", cwd=trap)
        shown = installed.run("podexec", "pod", "show", "/hello", "--json", "--url", f"http://{listen}", cwd=trap)
        assert json.loads(shown.stdout)["id"] == "/hello"
    finally:
        installed.run("podexec", "down", "--name", NAME, cwd=trap)
    assert not listing(state)
    assert not (trap / MARK).exists(), (trap / MARK).read_text()


def test_a_cluster_is_made_and_taken_away(installed: Installed, trap: Path) -> None:
    try:
        up = installed.run("podexec", "cluster", "up", "--agents", "1", "--name", NAME, cwd=trap)
        assert re.fullmatch(r"[\d.]+:\d+\n", up.stdout)
        assert "agent-1" in installed.run("podexec", "cluster", "status", "--name", NAME, cwd=trap).stdout
    finally:
        installed.run("podexec", "cluster", "down", "--name", NAME, cwd=trap)
    assert not (trap / MARK).exists(), (trap / MARK).read_text()
