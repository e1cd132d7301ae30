"""A run that tests too little fails, and says of what."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_run_below_a_floor_fails(tmp_path: Path) -> None:
    one = ROOT / "tests" / "executor" / "test_record.py"
    command = [sys.executable, "-m", "pytest", "-p", "tests.coverage_floor", "-p", "no:cacheprovider", "-q"]
    command += ["--noconftest", f"--rootdir={ROOT}", "-c", str(ROOT / "setup.cfg"), str(one)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
    assert "coverage of scheduler/core: 0.0 %" in ran.stdout
    assert "too little of scheduler/core" in ran.stdout
