"""Started processes import nothing from the current folder. (test_wheel.py checks whole commands.)"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localmesos import package
from podexec import zipapp
from scheduler.cli.local import build_executor
from tests.installed.conftest import MARK, ROOT


def test_children_of_ours(trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The builds of the executor, and pip printing its settings."""
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    built = build_executor(tmp_path / "one.pyz")
    assert zipapp.build(tmp_path / "two.pyz", shutil.which("true") or "").is_file()
    assert built.is_file()
    assert package.pip_settings()["index-url"] == "http://127.0.0.1:1/simple"
    assert not (trap / MARK).exists(), (trap / MARK).read_text()


def test_the_executor_is_the_same_whatever_the_variables_of_python_say(
    trap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = zipapp.build(tmp_path / "one.pyz").read_bytes()
    monkeypatch.setenv("PYTHONPATH", str(trap))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert zipapp.build(tmp_path / "two.pyz").read_bytes() == expected
    assert not (trap / MARK).exists(), (trap / MARK).read_text()


def test_make_imports_nothing_that_lies_beside_the_makefile(trap: Path) -> None:
    shutil.copy(ROOT / "Makefile", trap)
    shutil.copy(ROOT / "localmesos" / "apt.py", trap / "localmesos" / "apt.py")
    done = subprocess.run(
        ["make", "system-tests", f"PYTHON={shlex.quote(sys.executable)}"],
        cwd=trap,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (trap / MARK).exists(), (trap / MARK).read_text()
