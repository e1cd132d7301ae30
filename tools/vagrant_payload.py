"""Makes on this machine what vagrant/ otherwise makes and downloads in its first virtual machine.

    python -m tools.vagrant_payload FOLDER

FOLDER gets `mesos.tar.gz`, which takes g++, and `wheels`: podexec and everything that it requires, for the Python of
Debian 12. With both, the virtual machines need no compiler and no package index.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from localmesos.installing import install
from tools.lock.environment import FROM_LOCK
from tools.lock.requirements import RUNTIME, for_python

_ROOT = Path(__file__).parents[1]
# What podexec is installed from.
_SOURCE = ("podexec", "scheduler", "localmesos", "tools/backend", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_PIP = (sys.executable, "-P", "-m", "pip", "--disable-pip-version-check")
_PYTHON = "3.11.2"  # Debian 12's
_GUEST = ("--implementation=cp", f"--python-version={_PYTHON}")
_PLATFORMS = tuple(f"--platform=manylinux{glibc}_x86_64" for glibc in ("_2_36", "_2_28", "_2_17", "2014", "2010", "1"))


def make(folder: Path) -> None:
    """Fill the folder. Raises ClusterError or CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    make_mesos(folder / "mesos.tar.gz")
    make_wheels(folder / "wheels")


def make_mesos(archive: Path) -> None:
    """Mesos' programs, as `podexec cluster install` installs them."""
    with tempfile.TemporaryDirectory(prefix="podexec-") as temporary:
        install(Path(temporary, "mesos"), print)
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(Path(temporary, "mesos"), ".", filter=_of_root)


def _of_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def make_wheels(folder: Path) -> None:
    """Wheels of this tree and of its requirements, in the locked versions."""
    with tempfile.TemporaryDirectory(prefix="podexec-") as temporary:
        source, own = Path(temporary, "source"), Path(temporary, "wheels")
        copy_source(source)  # a build leaves files in its folder, and uses those of earlier builds
        subprocess.run([*_PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(own), str(source)], check=True)
        download = (*_PIP, "download", "--quiet", "--dest", str(folder), *_GUEST, *_PLATFORMS)
        lock = Path(temporary, "lock.txt")
        lock.write_text(for_python(RUNTIME, _PYTHON))
        subprocess.run([*download, *FROM_LOCK, str(lock)], check=True)
        for wheel in own.glob("*.whl"):
            shutil.copy(wheel, folder)


def copy_source(folder: Path) -> None:
    """Copy of this tree what podexec is installed from."""
    folder.mkdir(exist_ok=True)
    for name in _SOURCE:
        if (_ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
            shutil.copytree(_ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(_ROOT / name, folder / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m tools.vagrant_payload", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("folder", type=Path)
    make(parser.parse_args().folder)
