"""What is made once for many tests is made once: with several processes, the tests that share it run in one."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tests_of_a_file_run_in_one_process() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "-v"]
    command += ["tests/model/test_urls.py", "tests/model/test_times.py"]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTEST_ADDOPTS": ""}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    where = set(re.findall(r"\[(gw\d)\] .* PASSED (tests/\S+?\.py)::", ran.stdout))
    assert sorted(file for _, file in where) == ["tests/model/test_times.py", "tests/model/test_urls.py"]
