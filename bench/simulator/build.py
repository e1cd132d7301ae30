"""Compiles the simulator into the checkout's build folder, once for each version of its sources. Needs g++."""

import hashlib
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_SOURCES = Path(__file__).parent
_OUTPUT = _SOURCES.parents[1] / "build"
_COMPILE = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror")


def binary() -> Path:
    """Path of the program, which is compiled first if necessary."""
    sources = sorted(_SOURCES.glob("*.[ch]pp"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    program = _OUTPUT / f"mesos-simulator-{digest.hexdigest()[:12]}"
    if not program.exists():
        _OUTPUT.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=_OUTPUT) as folder:
            unfinished = Path(folder, "program")
            _compile([source for source in sources if source.suffix == ".cpp"], unfinished)
            unfinished.replace(program)  # two processes may compile at the same time
        for outdated in _OUTPUT.glob("mesos-simulator-*"):
            if outdated != program:
                outdated.unlink(missing_ok=True)
    return program


def _compile(sources: list[Path], output: Path) -> None:
    """All sources at once, as far as there are cores."""
    objects = [output.with_name(f"{source.stem}.o") for source in sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda source, made: _run("-c", "-o", str(made), str(source)), sources, objects))
    _run("-o", str(output), *map(str, objects))


def _run(*words: str) -> None:
    command = [os.environ.get("CXX", "g++"), *_COMPILE, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError(f"{command[0]} is not installed; on Debian: apt-get install g++") from error
    if done.returncode:
        raise RuntimeError(f"the simulator does not compile:\n{done.stderr[-2000:]}")
