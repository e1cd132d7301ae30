"""The forms of the executor that a release has, each one file."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

STATIC = "podexec/executor-x86_64"  # in a wheel, and in the tree that it is built from


def zipapp(wheel: Path, output: Path) -> None:
    """The executor for agents that have a Python, built by the podexec of the wheel."""
    with TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        subprocess.run(
            [sys.executable, "-P", "-m", "podexec.zipapp", "--output", str(output)],
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=True,
        )


def static(wheel: Path, output: Path) -> None:
    """The executor for agents that have none, which the wheel contains."""
    with zipfile.ZipFile(wheel) as archive:
        output.write_bytes(archive.read(STATIC))
    output.chmod(0o755)


# The end of a file's name, and what writes the file from podexec's wheel. A further form is a further line.
EXECUTORS: dict[str, Callable[[Path, Path], None]] = {
    ".pyz": zipapp,
    "-executor-x86_64": static,
}
