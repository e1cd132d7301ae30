"""podexec as users get it: a source archive, the wheel built from it, and an environment with the wheel installed."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A folder that shells, first lines of scripts and patterns have to be careful with.
AWKWARD = (
    "a folder [with] spaces & ümlauts, and a name that is longer than the kernel reads of a script's first line" * 2
)
MARK = "IMPORTED"


@dataclass(frozen=True)
class Built:
    """The results of `python -m build`: source archive and wheel; and http-parser's wheel."""

    sdist: Path
    wheel: Path
    http_parser: Path


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
    """Builds from a copy of the tree, as builds leave files behind and use those left by earlier ones."""
    folder = tmp_path_factory.mktemp("built")
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "tree", ignore=ignored)
    build = (sys.executable, "-P", "-m", "build", "--no-isolation", "--outdir", folder / "dist")
    call(*build, folder / "tree", cwd=folder)
    call(*build, "--wheel", folder / "tree" / "compat" / "http-parser", cwd=folder)
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("podexec-*.whl")
    (http_parser,) = (folder / "dist").glob("http_parser-*.whl")
    return Built(sdist, wheel, http_parser)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """In an awkward folder. With pip, as every environment has it, but nothing is compiled ahead: of the time that
    others spend on that, and on installing pip by itself, most would be spent for nothing.
    """
    folder = tmp_path_factory.mktemp("installed") / AWKWARD / "venv"
    call(sys.executable, "-I", "-m", "venv", "--without-pip", folder, cwd=folder.parents[1])
    pip = (sys.executable, "-I", "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet")
    call(*pip, "--no-compile", "pip", built.http_parser, built.wheel, cwd=folder)
    return Installed(folder)


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
