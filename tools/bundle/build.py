"""Builds the bundle: interpreter, packages, start script, as one archive with reproducible bytes."""

import gzip
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bundle import interpreter
from tools.lock.environment import FROM_LOCK, PIP_INSTALL
from tools.lock.requirements import RUNTIME, for_python

FOLDER = "podexec-scheduler"
_SCRIPT = Path(__file__).with_name("podexec")
_PYTHON = "3.11.2"  # Debian 12's
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def build(wheel: Path, output: Path, moment: int) -> None:
    """Write the bundle of podexec's wheel and its requirements, in the locked versions.

    ``moment``, in seconds since the epoch, is the date of all files. Raises CalledProcessError, or OSError where
    Debian's CPython 3.11 is not installed.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch, FOLDER)
        packages = interpreter.copy(folder)
        _install(wheel, packages)
        interpreter.copy_libraries(folder)
        shutil.copy(_SCRIPT, folder / "podexec")
        _compile(folder)
        _pack(folder, output, moment)


def _install(wheel: Path, packages: Path) -> None:
    platforms = [word for each in _PLATFORMS for word in ("--platform", each)]
    command = [sys.executable, *PIP_INSTALL, "--no-compile", "--target", str(packages)]
    command += ["--python-version", _PYTHON, "--implementation", "cp", *platforms]
    lock = packages.with_name("lock.txt")
    lock.write_text(for_python(RUNTIME, _PYTHON))
    for what in ((*FROM_LOCK, str(lock)), ("--no-deps", str(wheel))):
        subprocess.run([*command, *what], check=True, capture_output=True, text=True)
    lock.unlink()
    shutil.rmtree(packages / "bin")


def _compile(folder: Path) -> None:
    """Compile everything, as a sandbox is unpacked anew for each start.

    The bytes are the same each time: they name no date and no folder, hashes have a fixed seed, one process compiles
    all files in the same order, and what it imports itself it does not compile on the way (``-B``).
    """
    linker, program = folder / "lib" / "ld-linux-x86-64.so.2", folder / "python" / "bin" / interpreter.PROGRAM.name
    start = (linker, "--library-path", folder / "lib", "--argv0", program, program, "-B", "-P", "-s")
    compiled = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder.parent)
    command = (*start, *compiled, folder / "python" / "lib")
    subprocess.run(command, env={"PYTHONHASHSEED": "0"}, check=True, capture_output=True, text=True)


def _pack(folder: Path, output: Path, moment: int) -> None:
    with (
        output.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=moment, compresslevel=6) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in [folder, *sorted(folder.rglob("*"))]:
            entry = archive.gettarinfo(path, str(path.relative_to(folder.parent)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = moment
            entry.mode = 0o755 if path.is_dir() or entry.mode & 0o100 else 0o644
            if entry.isfile():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)
