"""Compiles and links the interpreter."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.static_executor import psutil_source
from tools.static_executor.debian import INCLUDE, LIBRARY
from tools.static_executor.errors import BuildError

_HERE = Path(__file__).parent
_COMPILER = ("gcc", "-O2", "-g0", "-Wall")
# Modules that Debian builds as shared objects, so that they are not in its static library.
_CPYTHON = ("_contextvarsmodule", "_hashopenssl", "_json", "_queuemodule", "_ssl", "mmapmodule", "resource", "termios")
_PSUTIL = (
    *("_psutil_linux.c", "arch/all/*.c", "arch/linux/*.c"),
    *("arch/posix/init.c", "arch/posix/net.c", "arch/posix/pids.c", "arch/posix/proc.c", "arch/posix/users.c"),
)
_PSUTIL_MACROS = {
    "PSUTIL_POSIX": 1,
    "PSUTIL_LINUX": 1,
    "PSUTIL_SIZEOF_PID_T": 4,
    "PSUTIL_VERSION": int(psutil_source.VERSION.replace(".", "")),
}
_LIBRARIES = ("-lssl", "-lcrypto", "-lz", "-lm")
# What the linker says of functions that load the machine's shared objects: interpreter.c sees to it that they do not.
_EXPECTED = ("statically linked applications requires at runtime the shared libraries", ": in function `")


def build(cpython: Path, psutil: Path, output: Path) -> None:
    """Write the interpreter to ``output``. Raises BuildError with the compiler's messages."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as compilers:
        objects = Path(scratch)
        compiled = list(compilers.map(lambda unit: _compile(unit, objects), _units(cpython, psutil)))
        link = [*_COMPILER, "-static", "-s", "-Wl,--build-id=none", "-o", str(output)]
        said = _run([*link, *map(str, compiled), str(LIBRARY), *_LIBRARIES])
    unexpected = [line for line in said.splitlines() if not any(each in line for each in _EXPECTED)]
    if unexpected:
        raise BuildError("the linker warns: " + "\n".join(unexpected))


def _units(cpython: Path, psutil: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each source and its options."""
    yield _HERE / "interpreter.c", []
    internal = ["-DPy_BUILD_CORE_BUILTIN=1", f"-I{INCLUDE}/internal", f"-I{cpython}/Modules"]
    for name in _CPYTHON:
        yield cpython / "Modules" / f"{name}.c", internal
    macros = [f"-D{name}={value}" for name, value in _PSUTIL_MACROS.items()]
    for pattern in _PSUTIL:
        for file in sorted((psutil / "psutil").glob(pattern)):
            yield file, [f"-I{psutil}/psutil", *macros]


def _compile(unit: tuple[Path, list[str]], objects: Path) -> Path:
    """Compile a file; its path is not in the result."""
    source, options = unit
    target = objects / ("-".join(source.parts[-3:]) + ".o")
    hidden = f"-ffile-prefix-map={source.parent}=."
    _run([*_COMPILER, "-c", hidden, f"-I{INCLUDE}", *options, "-o", str(target), str(source)])
    return target


def _run(command: list[str]) -> str:
    """Run the compiler and return its warnings."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return done.stderr
