"""A run that tests too little fails, and says of what."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _run(folder: Path, root: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "tests.coverage_floor", "-p", "no:cacheprovider", "-q"]
    command += ["--noconftest", f"--rootdir={root}", "-c", str(root / "setup.cfg"), *tests]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_run_below_a_floor_fails() -> None:
    ran = _run(ROOT, ROOT, "tests/executor/test_record.py")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
    assert "coverage of scheduler/core: 0.0 %" in ran.stdout
    assert "too little of scheduler/core" in ran.stdout


def test_the_tree_may_be_in_a_folder_with_any_name(tmp_path: Path) -> None:
    root = tmp_path / "a [new] folder" / "podexec"
    for part in ("podexec", "scheduler/core", "scheduler/store", "tests/store"):
        (root / part).mkdir(parents=True)
        (root / part / "__init__.py").touch()
    for each in ("tests/coverage_floor.py", "setup.cfg"):
        shutil.copy(ROOT / each, root / each)
    (root / "tests" / "__init__.py").touch()
    (root / "scheduler" / "store" / "value.py").write_text("VALUE = 1\n\n\ndef unused():\n    return 2\n")
    test = root / "tests" / "store" / "test_value.py"
    test.write_text("from scheduler.store.value import VALUE\n\n\ndef test_it():\n    assert VALUE\n")

    ran = _run(root, root, "tests/store")
    assert "coverage of scheduler/store: 66.7 %" in ran.stdout, ran.stdout + ran.stderr


def test_an_interrupted_run_ends_as_without_floors(tmp_path: Path) -> None:
    test = tmp_path / "test_interrupted.py"
    test.write_text("def test_it():\n    raise KeyboardInterrupt\n")
    ran = _run(tmp_path, ROOT, str(test))
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "coverage of" not in ran.stdout
    assert "Traceback" not in ran.stderr
