"""Builds a Mesos installation from libmesos and the sources in this folder.

Owns the steps of the build and their order; package.py owns downloads, caches and locks. Needs g++ and binutils.

    PREFIX/bin/{mesos-master,mesos-agent}
    PREFIX/libexec/{mesos,mesos-containerizer,mesos-io-switchboard}      the program
    PREFIX/libexec/{mesos-fetcher,mesos-cni-port-mapper,mesos-tcp-connect,curl}  helpers in Python, one file each
    PREFIX/lib                                                           libmesos and the stand-ins of stubs.py
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localmesos.launcher import stubs, symbolic

LIBRARY = "libmesos-1.11.0.so"
SOURCES = Path(__file__).parent
PACKAGE = SOURCES.parent
HELPERS = PACKAGE / "libexec"
HELPER_NAMES = {
    "fetcher.py": "mesos-fetcher",
    "cni_port_mapper.py": "mesos-cni-port-mapper",
    "tcp_connect.py": "mesos-tcp-connect",
    "curl.py": "curl",
}
HELPER_MODULES = (
    *("__init__.py", "errors.py", "libexec/__init__.py", "libexec/unpacking.py"),
    *(f"images/{name}.py" for name in ("__init__", "errors", "formats", "names", "pulling", "registry", "store")),
)
# The isolator linux/capabilities refuses a kernel that knows more capabilities than Mesos 1.11.0 does. The library is
# patched to read the last capability from a descriptor of its own process, which main.cpp provides, so no file on the
# machine is needed.
ORIGINAL_PATH = b"/proc/sys/kernel/cap_last_cap"
PATCHED_PATH = b"/proc/self/fd/900"


class BuildError(Exception):
    """A step of the build failed; the message contains the command's output."""


def interpreter() -> str:
    """Absolute path of the Python that runs the helpers: agents start them with an empty environment."""
    system = Path("/usr/bin/python3")
    return str(system) if system.exists() else os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def fingerprint() -> str:
    """Hash of everything that goes into a build besides libmesos; a new fingerprint needs a new build."""
    digest = hashlib.sha256(interpreter().encode())
    helpers = {*HELPERS.glob("*.py"), *(PACKAGE / name for name in HELPER_MODULES)}
    for path in sorted([*SOURCES.glob("*.[ch]pp"), *SOURCES.glob("*.py"), *helpers]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def build(library: bytes, prefix: Path, progress: Callable[[str], None]) -> None:
    """Make the installation in the empty folder `prefix` from the bytes of libmesos."""
    for folder in ("bin", "lib", "libexec"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "lib" / LIBRARY).write_bytes(patched(library))
    try:
        stubs.build(prefix / "lib" / LIBRARY, prefix / "lib")
        compile_program(prefix)
        resolve_references(prefix, progress)
    except FileNotFoundError as error:
        raise BuildError(f"{error.filename} is not installed; on Debian: apt-get install g++ binutils") from error
    except subprocess.CalledProcessError as error:
        stderr = error.stderr if isinstance(error.stderr, str) else error.stderr.decode(errors="replace")
        raise BuildError(f"{error.cmd[0]} failed with status {error.returncode}:\n{stderr[-2000:]}") from error
    install_helpers(prefix / "libexec")
    for name in ("mesos-containerizer", "mesos-io-switchboard"):
        (prefix / "libexec" / name).symlink_to("mesos")
    for name in ("mesos-master", "mesos-agent"):
        (prefix / "bin" / name).symlink_to("../libexec/mesos")


def patched(library: bytes) -> bytes:
    """The library with the path of the last capability replaced."""
    if library.count(ORIGINAL_PATH) != 1:
        raise BuildError(f"the library has {ORIGINAL_PATH.decode()} {library.count(ORIGINAL_PATH)} times, not once")
    return library.replace(ORIGINAL_PATH, PATCHED_PATH.ljust(len(ORIGINAL_PATH), b"\0"))


def compile_program(prefix: Path) -> None:
    """Compile the sources in parallel, and link them against the library."""
    compiler = os.environ.get("CXX", "g++")
    objects = prefix / "objects"
    objects.mkdir()

    def compile_one(source: Path) -> Path:
        target = objects / f"{source.stem}.o"
        command = [compiler, "-std=c++14", "-O1", "-Wall", "-pthread", "-c", "-o", str(target), str(source)]
        subprocess.run(command, check=True, capture_output=True)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = list(pool.map(compile_one, sorted(SOURCES.glob("*.cpp"))))
    # The version script keeps the program's own instances of Option<>, Try<> and std templates from replacing the
    # library's. DT_RPATH, not RUNPATH, also serves the library's own needs. With -z lazy a symbol that is never
    # called is never looked up.
    hide_all = objects / "hide.map"
    hide_all.write_text("{ local: *; };\n")
    subprocess.run(
        [
            *(compiler, "-s", "-o", str(prefix / "libexec" / "mesos"), *map(str, compiled)),
            *(f"-L{prefix / 'lib'}", f"-l:{LIBRARY}", "-pthread", "-ldl", f"-Wl,--version-script={hide_all}"),
            *("-Wl,-z,lazy", "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../lib", "-Wl,--allow-shlib-undefined"),
        ],
        check=True,
        capture_output=True,
    )
    for file in (*compiled, hide_all):
        file.unlink()
    objects.rmdir()


def resolve_references(prefix: Path, progress: Callable[[str], None]) -> None:
    """Let the program start faster (symbolic.py), or say why it does not: then the library stays as it is."""
    path, program = prefix / "lib" / LIBRARY, prefix / "libexec" / "mesos"
    unresolved = path.read_bytes()
    try:
        path.write_bytes(symbolic.resolve(unresolved, LIBRARY, program.read_bytes()))
        check_start(program)
    except (symbolic.SymbolicError, BuildError) as error:
        path.write_bytes(unresolved)
        progress(f"containers start a little more slowly, as {LIBRARY} stays as it is: {error}")


def check_start(program: Path) -> None:
    """Raise BuildError unless the program can be loaded and run."""
    command = ["mesos-agent", "--version"]
    done = subprocess.run(command, executable=program, capture_output=True, text=True, check=False)
    if done.returncode or not done.stdout.startswith("mesos "):
        raise BuildError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")


def install_helpers(folder: Path) -> None:
    """Install the helpers under the names that the agent calls, each as one file with everything it imports.

    The first line runs the interpreter in isolated mode: no variable or folder of the user affects imports.
    """
    first_line = f"#!{interpreter()} -I\n".encode()
    for source, name in HELPER_NAMES.items():
        target = folder / name
        with target.open("wb") as file:
            file.write(first_line)
            with zipfile.ZipFile(file, "w") as archive:
                archive.write(HELPERS / source, "__main__.py")
                for module in HELPER_MODULES:
                    archive.write(PACKAGE / module, f"{PACKAGE.name}/{module}")
        target.chmod(0o755)
