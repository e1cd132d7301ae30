"""Programs out of Debian's packages that are only unpacked: installed, some of them would start servers."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "build" / "debian"


@cache
def program(package: str, path: str) -> Path:
    """A program at this path in a package, which is fetched if this machine does not have it installed."""
    installed = Path("/", path)
    if installed.exists():
        return installed
    unpacked = _FOLDER / package
    if not unpacked.exists():
        download = _FOLDER / f"{package}-{os.getpid()}"
        download.mkdir(parents=True)
        _fetch(package, download)
        (archive,) = download.glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", archive, download], check=True)
        archive.unlink()
        try:
            download.rename(unpacked)
        except OSError:  # another test process was faster
            shutil.rmtree(download)
    return unpacked / path


def _fetch(package: str, folder: Path) -> None:
    command = ["apt-get", "download", "--quiet", package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and os.geteuid() == 0:  # the lists of packages may be missing or out of date
        subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{package} is missing: install it with apt-get install {package}\n{done.stderr}")
