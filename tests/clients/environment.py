"""Virtual environments of clients that need other releases than podexec has. Each is made once, in the user's cache.

The interpreter that runs the tests lends its pip, packages are not compiled ahead, and what has no wheel is built
with the setuptools that is there already: most of the time would go into these.
"""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from localmesos.package import cache_folder

INSTALL_SECONDS = 300
_SETUPTOOLS = "setuptools<81"  # has pkg_resources, and builds wheels by itself


def environment(name: str, *installations: Sequence[str]) -> Path:
    """The Python of an environment in which these were installed, one after the other.

    ``installations``: what follows ``pip install``. Fails if one cannot be made; the next caller tries again.
    """
    key = hashlib.sha256(repr((sys.version, _SETUPTOOLS, installations)).encode()).hexdigest()[:12]
    folder = cache_folder().parent / "tests" / f"{name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    python, complete = folder / "venv/bin/python", folder / "complete"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder / "venv"))
            pip = (sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install")
            for words in ([_SETUPTOOLS], *installations):
                _run(*pip, "--quiet", "--no-compile", "--no-build-isolation", "--use-pep517", *words)
            complete.touch()
    return python


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout}{ran.stderr}"
