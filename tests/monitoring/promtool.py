"""Prometheus' own checker."""

import subprocess
from pathlib import Path

from tests.debian import program


def check(*arguments: str | Path) -> None:
    """Run ``promtool`` with these arguments; fails with what it said unless it is content."""
    command = [program("prometheus", "usr/bin/promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
