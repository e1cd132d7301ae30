"""Builds the files of a release from a copy of the tree, as builds leave files behind and use those of earlier ones."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.release.executors import EXECUTORS, STATIC
from tools.static_executor.__main__ import build as static_executor

SUMS = "SHA256SUMS"
_IGNORED = shutil.ignore_patterns(
    *(".*", "build", "dist", "*.egg-info", "__pycache__", "pymesos", "payload", "node_modules", Path(STATIC).name)
)
_INTERFACE = "scheduler/api/ui_files/index.html"
_UMASK = 0o022  # setuptools puts the modes of files into archives


def build(tree: Path, output: Path, moment: int) -> None:
    """Write source archive, wheel, executors and SHA256SUMS into a new or empty folder.

    ``moment``, in seconds since the epoch, is the date of all files in the archives. The wheel is built from the source
    archive. Raises FileExistsError if the folder contains something, CalledProcessError or BuildError if a build fails,
    FileNotFoundError if the web interface was not built.
    """
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise FileExistsError(f"{output} is not empty")
    with TemporaryDirectory() as folder:
        copy = Path(folder, "podexec")
        shutil.copytree(tree, copy, ignore=_IGNORED)
        for path in copy.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        made = Path(folder, "made")
        _build("--sdist", copy, made, moment)
        (sdist,) = made.iterdir()
        unpacked = _unpacked(sdist, Path(folder, "unpacked"))
        if not (unpacked / _INTERFACE).is_file():
            raise FileNotFoundError(f"the web interface is missing: {_INTERFACE}; “make setup” says why")
        # A program is not a source: the wheel has it, and the archive of sources has what it is made of.
        static_executor(unpacked / STATIC)
        _build("--wheel", unpacked, made, moment)
        (wheel,) = made.glob("*.whl")
        release = "-".join(wheel.name.split("-")[:2])
        for end, write in EXECUTORS.items():
            write(wheel, made / f"{release}{end}")
        files = sorted(made.iterdir())
        sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
        (made / SUMS).write_text("".join(sums), encoding="ascii")
        for path in (*files, made / SUMS):
            shutil.copy(path, output)


def _build(what: str, tree: Path, made: Path, moment: int) -> None:
    subprocess.run(
        [sys.executable, "-P", "-m", "build", "--no-isolation", what, "--outdir", made, tree],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(moment)},
        umask=_UMASK,
        capture_output=True,
        text=True,
        check=True,
    )


def _unpacked(sdist: Path, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "--extract", "--gzip", "--file", sdist, "--directory", folder], check=True)
    (tree,) = folder.iterdir()
    return tree
