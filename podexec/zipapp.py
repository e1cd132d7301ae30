"""Build the executor as one file that an agent can fetch: ``python -P -m podexec.zipapp --output podexec.pyz``.

Owns what goes into the archive: this package and the pure-Python packages it needs, taken from the running environment:
no network is needed, and an installed podexec can build its own executor. What pymesos imports in vain is left out
(``podexec/__main__.py``). Each source comes with its bytecode for the interpreter that built it, which starts fast; any
other Python compiles the source. The same inputs give the same bytes. The file is a program: it can replace an agent's
``mesos-default-executor``.

This module and podexec.testing are not part of the archive.
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
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from podexec.wire import EXECUTOR_ENVIRONMENT, NEEDS_PYTHON, run_python

# Distribution -> its module or package. pymesos is in podexec itself.
_BUNDLED = {
    "structlog": "structlog",
}
_PYMESOS = "podexec/_vendor/pymesos/__init__.py"
_LEFT_OUT = ("podexec/zipapp.py", "podexec/testing/", "podexec/_vendor/http_parser.py")
_LICENSE_NAMES = ("LICEN", "COPYING", "NOTICE")

# Old Pythons run it too, to say that they are too old. Modules are read when they are first needed, and the file may
# have been replaced by another release until then: the open descriptor keeps the old one. Loading modules makes no
# garbage, and their contents never become any.
_MAIN = f"""\
import sys

if sys.version_info < (3, 11):
    found = "podexec: %s on this agent is Python %d.%d. " % ((sys.executable,) + tuple(sys.version_info[:2]))
    sys.exit(found + {NEEDS_PYTHON!r})

import gc
import os

gc.disable()
sys.path[0] = "/proc/self/fd/%d" % os.open(sys.path[0], os.O_RDONLY)
from podexec.__main__ import run

gc.freeze()
gc.enable()
run()
""".encode()
_DATE = (1980, 1, 1, 0, 0, 0)
_EXECUTABLE = 0o755


class BuildError(Exception):
    """The environment lacks a part of the executor, or its sources do not compile."""


def build(output: Path, python: str = "python3", bytecode_for: str = sys.executable) -> Path:
    """Write the executor to ``output``, replacing it in one move: a reader sees the old file or the new one.

    ``python`` is the interpreter that runs the file when it is started as a program; the bytecode is for
    ``bytecode_for``, which therefore starts it fast.
    """
    files = {"__main__.py": _MAIN} | sources(_BUNDLED)
    entries = files | bytecode(files, bytecode_for) | licenses(_BUNDLED)
    with replacing(output) as file:
        file.write(_start(python))
        write_archive(file, entries, read_at_start={name for name in entries if name.endswith(".pyc")})
    return output


@contextmanager
def replacing(output: Path) -> Iterator[IO[bytes]]:
    """A new executable file that takes the place of ``output`` at the end, if there was no error."""
    output = output.absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=output.name, dir=output.parent)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        Path(partial).chmod(_EXECUTABLE)
        Path(partial).replace(output)
    except BaseException:
        Path(partial).unlink()
        raise


def write_archive(file: IO[bytes], entries: Mapping[str, bytes], read_at_start: Container[str]) -> None:
    """Append a zip archive of these files to what is in ``file``; those that are read at each start are not packed."""
    with zipfile.ZipFile(file, "a") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_STORED if name in read_at_start else zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, entries[name])


def _start(python: str) -> bytes:
    """The first lines: a shell script equivalent to :func:`podexec.wire.executor_command`.

    ``#!`` with the interpreter itself would allow no environment, no spaces and no long path.
    """
    variables = [f"export {name}={shlex.quote(value)}" for name, value in EXECUTOR_ENVIRONMENT.items()]
    return "\n".join(["#!/bin/sh", *variables, run_python(python, '"$0" "$@"'), ""]).encode()


def sources(bundled: Mapping[str, str]) -> dict[str, bytes]:
    """The executor's sources and those of the packages it needs, as they are installed. Raises BuildError.

    ``bundled``: the module or package by its distribution.
    """
    found = dict(_module("podexec", hint="install podexec"))
    if _PYMESOS not in found:
        raise BuildError(
            "this podexec lacks pymesos: it was not installed, which bundles it; in a clone, run make setup"
        )
    for distribution, module in bundled.items():
        found |= _module(module, hint=f"install the distribution {distribution}")
    return found


def _module(name: str, hint: str) -> Iterator[tuple[str, bytes]]:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise BuildError(f"the module {name} of the executor is not in this environment; {hint}")
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if spec.submodule_search_locations else [origin]
    top = origin.parent.parent if spec.submodule_search_locations else origin.parent
    for file in files:
        inside = file.relative_to(top).as_posix()
        if not inside.startswith(_LEFT_OUT):
            yield inside, file.read_bytes()


def bytecode(files: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """Compile sources for the interpreter ``python``, without docstrings, asserts and checks at start-up.

    The archive never changes. A fresh interpreter with a fixed hash seed compiles them, as the state of this process
    would show in the bytes. It imports only the standard library, nothing from the current folder.
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
        return {f"{name}c": Path(folder, f"{name}c").read_bytes() for name in files}


def licenses(distributions: Iterable[str]) -> dict[str, bytes]:
    """The licenses of pymesos and of the bundled distributions."""
    pymesos = Path(__file__).with_name("_vendor") / "LICENSE.pymesos"
    return {
        "licenses/pymesos/LICENSE": pymesos.read_bytes(),
        **{
            f"licenses/{distribution}/{file.name}": file.read_binary()
            for distribution in distributions
            for file in importlib.metadata.files(distribution) or ()
            if file.name.upper().startswith(_LICENSE_NAMES)
        },
    }


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
