"""Compiles the simulator into the checkout's build folder, once for every state of its sources. Needs g++."""

import hashlib
import os
import subprocess
from pathlib import Path

_SOURCES = Path(__file__).parent
_OUTPUT = _SOURCES.parents[1] / "build"
_COMPILE = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror")


def binary() -> Path:
    """The program, compiled if need be."""
    sources = sorted(_SOURCES.glob("*.[ch]pp"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    program = _OUTPUT / f"mesos-simulator-{digest.hexdigest()[:12]}"
    if not program.exists():
        _OUTPUT.mkdir(exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        _compile([str(source) for source in sources if source.suffix == ".cpp"], unfinished)
        unfinished.replace(program)  # two that compile at the same time do each other no harm
    return program


def _compile(sources: list[str], output: Path) -> None:
    command = [os.environ.get("CXX", "g++"), *_COMPILE, "-o", str(output), *sources]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} is not installed; on Debian: apt-get install g++") from error
    if done.returncode:
        raise RuntimeError(f"the simulator does not compile:\n{done.stderr[-2000:]}")
