"""An installation of podexec with a static executor in its package, for processes that a test starts."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have processes import a copy of the package ``podexec``; returns where its static executor belongs."""
    ignored = shutil.ignore_patterns("__pycache__", "executor-x86_64")
    shutil.copytree(ROOT / "podexec", folder / "podexec", ignore=ignored)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder / "podexec" / "executor-x86_64"
