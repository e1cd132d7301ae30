"""podexec as users get it: the files of a release, and an environment with nothing but the wheel installed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from localmesos import package
from tests.installed.wheels import write_wheel
from tools.release.build import build

ROOT = Path(__file__).parents[2]
# A folder that shells, first lines of scripts and patterns have to be careful with.
AWKWARD = (
    "a folder [with] spaces & ümlauts, and a name that is longer than the kernel reads of a script's first line" * 2
)
MARK = "IMPORTED"
MOMENT = 1_700_000_000


@dataclass(frozen=True)
class Built:
    """The files of a release, in one folder."""

    folder: Path
    sdist: Path
    wheel: Path
    executor: Path


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel and its requirements only."""

    folder: Path

    def run(self, *words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder, without this process's PYTHON* variables."""
        done = subprocess.run(
            [self.folder / "bin" / words[0], *words[1:]],
            cwd=cwd,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        return done

    @contextmanager
    def running(self, *words: str, cwd: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program in the same way in the background; it is killed if it is still running in the end."""
        with output.open("wb") as file:
            command = [self.folder / "bin" / words[0], *words[1:]]
            process = subprocess.Popen(command, cwd=cwd, env=environment(), stdout=file, stderr=file)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def pip(self, *words: str | Path) -> None:
        """Change the environment with this process's pip."""
        pip = (sys.executable, "-I", "-m", "pip", "--python", self.folder / "bin" / "python")
        call(*pip, *words, cwd=self.folder)

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = self.folder.glob("lib/python3*/site-packages")
        return found


def environment() -> dict[str, str]:
    """Environment variables that do not refer to this clone."""
    own = ("PYTHON", "VIRTUAL_ENV", "PODEXEC_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def call(*words: str | Path, cwd: Path) -> None:
    """Run a program that must succeed."""
    done = subprocess.run(words, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A release of this tree."""
    folder = tmp_path_factory.mktemp("built")
    build(ROOT, folder, MOMENT)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    (executor,) = folder.glob("*.pyz")
    return Built(folder, sdist, wheel, executor)


def empty_environment(folder: Path) -> Installed:
    """A virtual environment without any package, not even pip, whose installation would take most of the time."""
    call(sys.executable, "-I", "-m", "venv", "--without-pip", folder, cwd=folder.parents[1])
    return Installed(folder)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel alone, and pip as every environment has it, in an awkward folder. Nothing is compiled ahead."""
    environment = empty_environment(tmp_path_factory.mktemp("installed") / AWKWARD / "venv")
    environment.pip("install", "--quiet", "--no-compile", "pip", built.wheel)
    return environment


@pytest.fixture(scope="session")
def other_pymesos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of somebody else's distributions ``pymesos`` and ``http-parser``, which leave a mark when imported."""
    folder = tmp_path_factory.mktemp("other")
    mark = f"open({str(folder / MARK)!r}, 'a').write(__name__ + ' ')\n__VERSION__ = '99.0'\n"
    modules = ("__init__", "executor", "interface", "process", "scheduler", "utils")
    write_wheel(folder, "pymesos", "99.0", {f"pymesos/{module}.py": mark for module in modules})
    write_wheel(folder, "http_parser", "99.0", {f"http_parser/{module}.py": mark for module in ("__init__", "http")})
    return folder


@pytest.fixture
def beside_other_pymesos(installed: Installed, other_pymesos: Path) -> Iterator[Installed]:
    """The environment with these distributions in addition, as long as a test runs."""
    installed.pip("install", "--quiet", "--no-index", *other_pymesos.glob("*.whl"))
    yield installed
    installed.pip("uninstall", "--quiet", "--yes", "pymesos", "http-parser")


@pytest.fixture(scope="session")
def mesos() -> None:
    """Mesos is built already: on a machine without one, that would take most of the patience of a test."""
    package.ensure()


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A current folder with modules named like those of Python's library and ours; importing one leaves a mark."""
    folder = tmp_path / 'trap [it\'s "here"]'
    folder.mkdir()
    mark = (
        f"open({str(folder / MARK)!r}, 'a').write(__name__ + ' ')\nraise SystemExit('imported from the current folder')"
    )
    for name in ("secrets", "random", "json", "typing", "argparse", "sitecustomize", "usercustomize"):
        (folder / f"{name}.py").write_text(mark)
    for name in ("scheduler", "localmesos", "pip", "compileall"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(mark)
    (folder / "podexec").mkdir()  # as the folder above a clone has it: no package
    return folder
