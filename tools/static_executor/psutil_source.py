"""psutil's source, from the Python Package Index: one version, verified by its SHA-256."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.static_executor import cache
from tools.static_executor.errors import BuildError

VERSION = "7.2.2"
_SHA256 = "0746f5f8d406af344fd547f1c8daa5f5c33dbc293bb8d6a16d80b4bb88f59372"


def source() -> Path:
    """The source's folder, downloaded by pip if it is not in the cache. Raises BuildError."""
    return cache.once(f"psutil-{VERSION}", _download) / f"psutil-{VERSION}"


def _download(into: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        requirement = Path(scratch, "requirement.txt")
        requirement.write_text(f"psutil=={VERSION} --hash=sha256:{_SHA256}\n")
        # With psutil's build requirement of this environment: pip asks for the metadata of what it downloads.
        command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", "psutil", "--no-build-isolation", "--require-hashes", "-r", str(requirement)]
        done = subprocess.run([*command, "-d", scratch], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"cannot download the source of psutil {VERSION}: {done.stderr.strip()}")
        shutil.unpack_archive(Path(scratch, f"psutil-{VERSION}.tar.gz"), into)
