"""A virtual environment with the tools of the lock: not podexec's own, as they have requirements too."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.lock.requirements import ROOT, TOOLS

PIP_INSTALL = ("-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
# Only what the lock says, and no program of a package runs at its installation.
FROM_LOCK = ("--no-deps", "--only-binary", ":all:", "--require-hashes", "--requirement")


def python() -> Path:
    """The interpreter that has the tools, which are installed once for each lock. Raises CalledProcessError."""
    key = hashlib.sha256(TOOLS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = ROOT / "build" / f"lock-tools-{key}"
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unfinished = Path(scratch, "tools")
            subprocess.run([sys.executable, "-I", "-m", "venv", unfinished], check=True)
            subprocess.run([unfinished / "bin" / "python", *PIP_INSTALL, *FROM_LOCK, TOOLS], check=True)
            shutil.move(unfinished, folder)
    return folder / "bin" / "python"
