"""Build the executor as one file that an agent can fetch: ``python -P -m podexec.zipapp --output podexec.pyz``.

Owns what goes into the archive: this package and the pure-Python packages it needs, taken from the running environment:
no network is needed, and an installed podexec can build its own executor. What pymesos imports in vain is left out
(``podexec/__main__.py``). Each source comes with its bytecode for the interpreter that built it, which starts fast; any
other Python compiles the source. The same inputs give the same bytes. The file is a program: it can replace an agent's
``mesos-default-executor``.

This module is not part of the archive.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from podexec.wire import EXECUTOR_ENVIRONMENT

# Distribution -> its module or package.
_BUNDLED = {
    "pymesos": "pymesos",
    "structlog": "structlog",
}
_LEFT_OUT = {"podexec/zipapp.py"}
_LICENSE_NAMES = ("LICEN", "COPYING", "NOTICE")

# Modules are read when they are first needed, and the file may have been replaced by another release until then: the
# open descriptor keeps the old one. Loading modules makes no garbage, and their contents never become any.
_MAIN = b"""\
import gc
import os
import sys

gc.disable()
sys.path[0] = f"/proc/self/fd/{os.open(sys.path[0], os.O_RDONLY)}"
from podexec.__main__ import run

gc.freeze()
gc.enable()
run()
"""
_DATE = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE = 0o755


class BuildError(Exception):
    """The environment lacks a part of the executor, or its sources do not compile."""


def build(output: Path, python: str = "python3", bytecode_for: str = sys.executable) -> Path:
    """Write the executor to ``output``, replacing it in one move: a reader sees the old file or the new one.

    ``python`` is the interpreter that runs the file when it is started as a program; the bytecode is for
    ``bytecode_for``, which therefore starts it fast.
    """
    files = dict(_sources())
    entries = files | dict(_bytecode(files, bytecode_for)) | dict(_licenses())
    output = output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=output.name, dir=output.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_start(python))
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in sorted(entries):
                    archive.writestr(_entry(name), entries[name])
        Path(partial).chmod(_EXECUTABLE)
        Path(partial).replace(output)
    except BaseException:
        Path(partial).unlink()
        raise
    return output


def _start(python: str) -> bytes:
    """The first lines: a shell script equivalent to :func:`podexec.wire.executor_command`.

    ``#!`` with the interpreter itself would allow no environment, no spaces and no long path.
    """
    variables = [f"export {name}={shlex.quote(value)}" for name, value in EXECUTOR_ENVIRONMENT.items()]
    return "\n".join(["#!/bin/sh", *variables, f'exec {shlex.quote(python)} -I -S "$0" "$@"', ""]).encode()


def _entry(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    # Bytecode is read at every start: faster if it need not be unpacked.
    info.compress_type = zipfile.ZIP_STORED if name.endswith(".pyc") else zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _sources() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", _MAIN
    yield from _module("podexec", hint="install podexec")
    for distribution, module in _BUNDLED.items():
        yield from _module(module, hint=f"install the distribution {distribution}")


def _module(name: str, hint: str) -> Iterator[tuple[str, bytes]]:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise BuildError(f"the module {name} of the executor is not in this environment; {hint}")
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if spec.submodule_search_locations else [origin]
    top = origin.parent.parent if spec.submodule_search_locations else origin.parent
    for file in files:
        inside = file.relative_to(top).as_posix()
        if inside not in _LEFT_OUT:
            yield inside, file.read_bytes()


def _bytecode(files: dict[str, bytes], python: str) -> Iterator[tuple[str, bytes]]:
    """Compile the sources, without docstrings and asserts, and without checks at start-up: the archive never changes.

    A fresh interpreter with a fixed hash seed compiles them, as the state of this process would show in the bytes. It
    imports only the standard library, nothing from the current folder.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text)
        command = [
            python,
            "-P",
            "-S",
            "-X",
            "no_debug_ranges",
            "-m",
            "compileall",
            "-q",
            "-b",
            "-o",
            "2",
            "--invalidation-mode",
            "unchecked-hash",
        ]
        done = subprocess.run(
            [*command, "-s", folder, folder],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(f"the executor's sources do not compile: {done.stdout}{done.stderr}")
        for name in files:
            yield f"{name}c", Path(folder, f"{name}c").read_bytes()


def _licenses() -> Iterator[tuple[str, bytes]]:
    """The licenses of the bundled packages."""
    for distribution in _BUNDLED:
        for file in importlib.metadata.files(distribution) or ():
            if file.name.upper().startswith(_LICENSE_NAMES):
                yield f"licenses/{distribution}/{file.name}", file.read_binary()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m podexec.zipapp", description="Build the pod executor as one file.")
    parser.add_argument(
        "--output", type=Path, default=Path("podexec.pyz"), help="where to write it (default: %(default)s)"
    )
    parser.add_argument(
        "--python",
        default="python3",
        help="interpreter that runs the file when it is executed (default: %(default)s)",
    )
    parser.add_argument(
        "--bytecode-for",
        default=sys.executable,
        metavar="PYTHON",
        help="interpreter to compile bytecode for; others start more slowly (default: this one)",
    )
    given = parser.parse_args()
    try:
        output = build(given.output, given.python, given.bytecode_for)
    except BuildError as error:
        sys.stderr.write(f"podexec: {error}\n")
        return 1
    sys.stdout.write(f"{output}: {output.stat().st_size} bytes, bytecode for {given.bytecode_for}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
