"""`make dist` and the build backend: what they build, from what, and what they refuse."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.installed.conftest import MOMENT, ROOT, Built, environment
from tools.release.build import build
from tools.release.executors import STATIC

pytestmark = pytest.mark.timeout(600)
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}


def bundle(tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Have the backend of a tree put pymesos into it."""
    program = f"import sys; sys.path.insert(0, {str(tree / 'tools/backend')!r}); import podexec_build as b; b.bundle()"
    command = [sys.executable, "-I", "-c", program]
    return subprocess.run(command, env=environment() | variables, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The parts of a clone that the backend reads, in a folder that needs care. It contains pymesos."""
    tree = tmp_path / "a clone [new]"
    for part in ("podexec/_vendor", "tools/backend"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


def test_a_second_build_gives_the_same_bytes(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, at another time, with another umask, time zone and hash seed."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    umask = os.umask(0o077)
    try:
        build(ROOT, tmp_path / "again", MOMENT)
    finally:
        os.umask(umask)
    first, second = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (built.folder, tmp_path / "again")
    )
    assert first == second


def test_the_checksums_are_of_all_files_and_right(built: Built) -> None:
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(command, cwd=built.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    checked = {line.rpartition(":")[0] for line in done.stdout.splitlines()}
    assert checked == {path.name for path in built.folder.iterdir()} - {"SHA256SUMS"}
    assert {built.sdist.name, built.wheel.name, built.executor.name} <= checked


def test_the_executor_of_a_release_is_a_program_of_that_release(built: Built) -> None:
    assert built.executor.name == "podexec-0.1.0.pyz"
    done = subprocess.run(
        [sys.executable, "-I", "-S", built.executor, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "podexec 0.1.0\n"


def test_the_static_executor_of_a_release_is_in_its_wheel(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        contained = wheel.read(STATIC)
    (file,) = built.folder.glob("*-executor-x86_64")
    assert file.read_bytes() == contained
    done = subprocess.run([file, "--version"], env={}, capture_output=True, text=True, check=True)
    assert done.stdout == "podexec 0.1.0\n"
    with tarfile.open(built.sdist) as sources:
        assert not [name for name in sources.getnames() if name.endswith(STATIC)]


def test_a_release_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(FileExistsError, match="is not empty"):
        build(ROOT, tmp_path, MOMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_release_needs_a_date_and_a_place(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    refusals = {
        "yesterday": "make dist: no date: set SOURCE_DATE_EPOCH to seconds since the epoch, or build in a git clone",
        str(MOMENT): f"make dist: {tmp_path} is not empty",
    }
    for date, refusal in refusals.items():
        done = subprocess.run(
            [sys.executable, "-m", "tools.release", "--output", tmp_path],
            cwd=ROOT,
            env=environment() | {"SOURCE_DATE_EPOCH": date},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert refusal in done.stderr.splitlines(), done.stderr


def test_the_archive_of_the_sources_builds_the_wheel_without_an_index(built: Built, tmp_path: Path) -> None:
    pip = [sys.executable, "-I", "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--wheel-dir", tmp_path, built.sdist],
        env=environment() | NO_INDEX,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as ours, zipfile.ZipFile(built.wheel) as released:
        assert set(released.namelist()) - set(ours.namelist()) == {STATIC}
        record = next(name for name in ours.namelist() if name.endswith("/RECORD"))
        assert all(ours.read(name) == released.read(name) for name in ours.namelist() if name != record)


def test_the_bundled_pymesos_is_the_release_but_for_its_imports(tree: Path, tmp_path: Path) -> None:
    """What somebody has changed in a clone is not kept."""
    bundled = tree / "podexec" / "_vendor" / "pymesos"
    good = {path.name: path.read_bytes() for path in bundled.glob("*.py")}
    (bundled / "process.py").write_text("changed")
    (bundled / "added.py").write_text("added")
    done = bundle(tree)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in bundled.iterdir()} == good
    assert not [path for path in bundled.parent.iterdir() if path.name.startswith(".")], "unfinished work is left"
    texts = b"".join(good.values())
    assert b"from http_parser" not in texts
    assert b"import pymesos" not in texts
    assert b"MesosSchedulerDriver" in texts


def test_what_is_bundled_already_needs_no_index(tree: Path) -> None:
    assert bundle(tree, **NO_INDEX).returncode == 0


@pytest.mark.parametrize("prefix", ["PEP517", "_PYPROJECT_HOOKS"])  # of pips before and since 24.1
def test_pymesos_is_bundled_below_a_pip_that_builds_podexec(tree: Path, prefix: str) -> None:
    """What that pip tells podexec's backend is not for the pip that prepares the release of pymesos. Here there is no
    ``wheel``, without which every pip asks a backend.
    """
    shutil.rmtree(tree / "podexec" / "_vendor" / "pymesos")
    hooks = {f"{prefix}_BUILD_BACKEND": "podexec_build", f"{prefix}_BACKEND_PATH": str(tree / "tools" / "backend")}
    done = bundle(tree, **hooks)
    assert done.returncode == 0, done.stderr
    assert (tree / "podexec" / "_vendor" / "pymesos" / "process.py").is_file()


def test_without_a_way_to_the_release_the_build_says_what_to_do(tree: Path) -> None:
    shutil.rmtree(tree / "podexec" / "_vendor" / "pymesos")
    done = bundle(tree, **NO_INDEX)
    assert done.returncode != 0
    assert "pip cannot download the release of pymesos that pymesos.txt names" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr


def test_a_release_with_another_digest_is_refused(tree: Path, tmp_path: Path) -> None:
    """An index, or whoever is between, has put something else into its place."""
    shutil.rmtree(tree / "podexec" / "_vendor" / "pymesos")
    (tmp_path / "setup.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w')\n")
    with tarfile.open(tmp_path / "pymesos-0.3.15.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "pymesos-0.3.15/setup.py")
    done = bundle(tree, **NO_INDEX | {"PIP_FIND_LINKS": str(tmp_path).replace(" ", "%20")})
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (tree / "podexec" / "_vendor" / "pymesos").exists()
    assert not (tmp_path / "RAN").exists()


def test_a_change_of_what_is_bundled_has_to_be_stated(tree: Path) -> None:
    """Else the digest would say nothing about the modules that the release does not have in this form."""
    backend = tree / "tools" / "backend" / "podexec_build.py"
    backend.write_text(backend.read_text().replace('import INVALID_CHUNK"),', 'import INVALID_CHUNK  # changed"),', 1))
    shutil.rmtree(tree / "podexec" / "_vendor" / "pymesos")
    done = bundle(tree)
    assert done.returncode != 0
    assert "the SHA-256 of the bundled pymesos is" in done.stderr
