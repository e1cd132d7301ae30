"""The wheel and the source archive contain exactly the tree's files, and work without a clone."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from localmesos import Cluster
from localmesos.remains import listing
from tests.cluster.support import wait_for
from tests.installed.conftest import MARK, ROOT, Built, Installed, empty_environment
from tests.ports import free_port
from tools.release.executors import STATIC

PACKAGES = ("podexec", "scheduler", "localmesos")
# The first test builds, and the first that runs something installs.
pytestmark = pytest.mark.timeout(600)
NAME = f"wheel-{os.getpid()}"


def of_the_tree() -> set[str]:
    """Every file of the packages that is in the repository, or part of pymesos."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {STATIC}


def test_the_wheel_has_every_file_of_the_packages_the_license_and_nothing_else(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
        about = {name for name in names if ".dist-info/" in name}
        assert names - about == {*of_the_tree(), STATIC}
        for license_text in ("LICENSE", "podexec/_vendor/LICENSE.pymesos"):
            (name,) = (each for each in about if each.endswith(f"/licenses/{license_text}"))
            assert wheel.read(name) == (ROOT / license_text).read_bytes()
        (metadata,) = (name for name in about if name.endswith("/METADATA"))
        told = Parser().parsestr(wheel.read(metadata).decode())
        assert (told["Name"], told["Requires-Python"]) == ("podexec", ">=3.11.2")
        required = {re.split(r"[^\w-]", each)[0] for each in told.get_all("Requires-Dist") or ()}
        assert {"addict", "psutil", "structlog"} <= required
        assert not {"pymesos", "http-parser"} & required, "they do not install"
        assert [name for name in of_the_tree() if wheel.read(name) != (ROOT / name).read_bytes()] == []


def test_the_archive_of_the_sources_has_what_its_own_readme_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert of_the_tree() <= names
    pages = set(re.findall(r"\]\(([\w/.-]+\.md)\)", (ROOT / "README.md").read_text()))
    needed = {"LICENSE", "README.md", "tools/backend/podexec_build.py", "examples/hello.json", *pages}
    assert needed <= names
    assert not {name for name in names if name.startswith(("tests", "bench", "."))}


def test_definitions_are_checked_and_rendered(installed: Installed, trap: Path) -> None:
    shutil.copy(ROOT / "examples" / "hello.json", trap / "mine.json")
    assert "valid" in installed.run("podexec", "pod", "validate", "mine.json", cwd=trap).stdout
    rendered = json.loads(installed.run("podexec", "pod", "render", "mine.json", cwd=trap).stdout)
    assert rendered
    schema = json.loads(installed.run("podexec", "pod", "schema", cwd=trap).stdout)
    assert schema["properties"]["containers"]
    assert not (trap / MARK).exists()


def test_it_says_what_is_installed_and_where(installed: Installed, trap: Path) -> None:
    told = json.loads(installed.run("podexec", "version", "--json", cwd=trap).stdout)
    assert (told["podexec"], told["pymesos"], told["executor"], told["mesos"]) == ("0.1.0", "0.3.15", "0.1.0", "1.11.0")
    assert told["installed"] == str(installed.packages)
    lines = installed.run("podexec", "--version", cwd=trap).stdout.splitlines()
    assert lines[0] == "podexec 0.1.0"
    assert any("pymesos" in line and "0.3.15" in line for line in lines)


def test_its_requirements_are_met_and_it_brings_no_distribution_of_another_name(
    installed: Installed, trap: Path
) -> None:
    assert installed.run("python", "-m", "pip", "check", cwd=installed.folder).returncode == 0
    top = {path.name for path in installed.packages.iterdir()}
    assert {"podexec", "scheduler", "localmesos"} <= top
    assert not {name for name in top if name.startswith(("pymesos", "http_parser"))}


def test_the_executor_is_built_and_runs(installed: Installed, trap: Path) -> None:
    """As docs/executor.md says."""
    installed.run("python", "-P", "-m", "podexec.zipapp", "--output", "podexec.pyz", cwd=trap)
    ran = installed.run("python", "-I", "-S", "podexec.pyz", "--version", cwd=trap)
    assert ran.stdout == "podexec 0.1.0\n"
    assert not (trap / MARK).exists()


@pytest.mark.usefixtures("mesos")
def test_up_runs_a_pod_names_only_what_is_there_and_ctrl_c_leaves_nothing(
    installed: Installed, trap: Path, tmp_path: Path
) -> None:
    listen, output = f"127.0.0.1:{free_port()}", tmp_path / "output"
    up = ("podexec", "up", "--name", NAME, "--listen", listen)
    with installed.running(*up, cwd=trap, output=output) as process:
        wait_for("the pod is shown as STABLE", lambda: "\n/hello STABLE\n" in shown(output, process), 120)
        state = Cluster(NAME).state
        copied = re.search(r"edit a copy of (.*), then: (.*) pod update FILE", output.read_text())
        assert copied, output.read_text()
        for word in copied.groups():
            (path,) = shlex.split(word)
            assert (trap / path).is_file(), word
        assert "examples/" not in output.read_text()
        (trap / "changed.json").write_bytes((trap / shlex.split(copied[1])[0]).read_bytes())
        installed.run("podexec", "pod", "update", "changed.json", "--url", f"http://{listen}", cwd=trap)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, output.read_text()
    assert not listing(state)
    assert not (trap / MARK).exists(), (trap / MARK).read_text()


def shown(output: Path, process: subprocess.Popen[bytes]) -> str:
    """What a running command has printed."""
    assert process.poll() is None, f"ended with {process.returncode}: {output.read_text()}"
    return output.read_text()


@pytest.mark.usefixtures("mesos")
def test_beside_another_pymesos_it_uses_its_own(
    beside_other_pymesos: Installed, other_pymesos: Path, trap: Path
) -> None:
    """Scheduler and executor; what they print has no traceback of an import either."""
    podexec = beside_other_pymesos
    listen = f"127.0.0.1:{free_port()}"
    try:
        podexec.run("podexec", "up", "--detach", "--name", NAME, "--listen", listen, cwd=trap)
        listed = podexec.run("podexec", "pod", "show", "/hello", "--json", "--url", f"http://{listen}", cwd=trap)
        assert json.loads(listed.stdout)["status"] == "STABLE"
    finally:
        podexec.run("podexec", "down", "--name", NAME, cwd=trap)
    assert not (other_pymesos / MARK).exists(), (other_pymesos / MARK).read_text()
    assert podexec.run("python", "-c", "import pymesos; print(pymesos.__VERSION__)", cwd=trap).stdout == "99.0\n"
    (other_pymesos / MARK).unlink()


def test_uninstalled_it_leaves_nothing_and_another_pymesos_whole(
    built: Built, other_pymesos: Path, tmp_path: Path
) -> None:
    environment = empty_environment(tmp_path / "a venv")
    environment.pip("install", "--quiet", "--no-index", "--no-deps", "--no-compile", *other_pymesos.glob("*.whl"))
    before = {path.relative_to(environment.folder) for path in environment.folder.rglob("*")}
    environment.pip("install", "--quiet", "--no-index", "--no-deps", "--no-compile", built.wheel)
    assert (environment.packages / "podexec" / "_vendor" / "pymesos" / "scheduler.py").is_file()
    environment.pip("uninstall", "--quiet", "--yes", "podexec")
    assert {path.relative_to(environment.folder) for path in environment.folder.rglob("*")} == before


@pytest.mark.usefixtures("mesos")
def test_a_project_of_somebody_else_runs_its_pods_in_tests(
    installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """examples/harness, with nothing but the wheel and its extra; each warning is an error."""
    installed.pip("install", "--quiet", "--no-compile", "podexec[testing]")
    project = tmp_path / "a project [of theirs]"
    shutil.copytree(ROOT / "examples" / "harness", project)
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        monkeypatch.delenv(name)  # of the run that this test is part of
    ran = installed.run("python", "-m", "pytest", "-Werror", "--podexec-required", cwd=project)
    assert re.search(r"\b3 passed\b", ran.stdout), ran.stdout
    assert "error" not in ran.stderr
    smallest = re.search(
        r"^def test_it_answers.*?^    assert.*?$", (ROOT / "docs" / "harness.md").read_text(), re.M | re.S
    )
    assert smallest is not None
    assert smallest[0].count("\n") < 10
    (project / "tests" / "test_web.py").write_text(smallest[0])
    assert re.search(r"\b1 passed\b", installed.run("python", "-m", "pytest", cwd=project).stdout)


@pytest.mark.usefixtures("mesos")
def test_a_cluster_is_made_and_taken_away(installed: Installed, trap: Path) -> None:
    try:
        up = installed.run("podexec", "cluster", "up", "--agents", "1", "--name", NAME, cwd=trap)
        assert re.fullmatch(r"[\d.]+:\d+\n", up.stdout)
        assert "agent-1" in installed.run("podexec", "cluster", "status", "--name", NAME, cwd=trap).stdout
    finally:
        installed.run("podexec", "cluster", "down", "--name", NAME, cwd=trap)
    assert not (trap / MARK).exists(), (trap / MARK).read_text()
