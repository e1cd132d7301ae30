"""Debian's CPython 3.11, copied with everything that it loads."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

PROGRAM = Path("/usr/bin/python3.11")
_LIBRARY = Path("/usr/lib/python3.11")
_LOADED = re.compile(r"^\s*(?:(?P<name>\S+) => )?(?P<path>/\S+) \(0x", re.MULTILINE)
_UNUSED = shutil.ignore_patterns(
    *("__pycache__", "config-3.11-*", "dist-packages", "sitecustomize.py", "EXTERNALLY-MANAGED", "test", "tests"),
    *("ensurepip", "idlelib", "lib2to3", "pydoc_data", "tkinter", "turtledemo"),
)


def copy(into: Path) -> Path:
    """Copy the interpreter and its standard library to ``into/python``; returns the folder for packages."""
    program = into / "python" / "bin" / PROGRAM.name
    program.parent.mkdir(parents=True)
    shutil.copy(PROGRAM, program)
    library = into / "python" / "lib" / _LIBRARY.name
    shutil.copytree(_LIBRARY, library, ignore=_UNUSED)
    packages = library / "dist-packages"  # where Debian's CPython looks for them
    packages.mkdir()
    return packages


def copy_libraries(into: Path) -> None:
    """Copy the dynamic linker, and each shared library that a file below ``into`` loads, to ``into/lib``."""
    folder = into / "lib"
    folder.mkdir()
    programs = [into / "python" / "bin" / PROGRAM.name, *sorted(into.rglob("*.so*"))]
    for path in sorted(_loaded(programs)):
        if not path.is_relative_to(into):
            shutil.copy(path, folder / path.name)


def _loaded(files: Iterable[Path]) -> set[Path]:
    """The libraries that these files load, and those load in turn, as this machine's dynamic linker finds them."""
    found: set[Path] = set()
    for file in files:
        listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout
        if "not found" in listed:
            raise FileNotFoundError(f"a library of {file} is missing on this machine: {listed}")
        found.update(Path(match["path"]) for match in _LOADED.finditer(listed))
    return found
