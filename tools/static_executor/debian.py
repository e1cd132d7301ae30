"""Debian's part: the static libraries that are linked, and the source of the same CPython.

The source is the newest one of the installed library's upstream version, with Debian's security fixes, in the archives
that this machine's packages are from, verified by apt. apt works in a folder of its own: no file of this system's
configuration is changed.
"""

import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localmesos import apt
from tools.static_executor import cache
from tools.static_executor.errors import BuildError

INTERPRETER = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11/config-3.11-x86_64-linux-gnu/libpython3.11.a")
INCLUDE = Path("/usr/include/python3.11")
PACKAGES = (
    apt.Package("gcc", command="gcc"),
    apt.Package("libc6-dev", library="libc.a"),
    apt.Package("python3.11", path=str(INTERPRETER)),
    apt.Package("libpython3.11-dev", path=str(LIBRARY)),
    apt.Package("libssl-dev", library="libssl.a"),
    apt.Package("zlib1g-dev", library="libz.a"),
    apt.Package("libbluetooth-dev", path="/usr/include/bluetooth/bluetooth.h"),  # a header of _ssl
    apt.Package("dpkg-dev", command="dpkg-source"),
    apt.Package("xz-utils", command="xz"),
)
_SOURCE = "python3.11"
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The archives that this machine's apt knows as Debian's own, one a line.
_ARCHIVES = (
    *("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"),
    *("Created-By: Packages", "Origin: Debian", "Component: main"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """CPython's source and the Debian versions of all that is linked, by package."""

    folder: Path
    versions: dict[str, str]


def require() -> None:
    """Install the missing packages as root. Raises BuildError with the line to run for everybody else."""
    if not Path("/etc/debian_version").exists() or platform.machine() != "x86_64":
        raise BuildError(
            "the static executor is built on Debian 12 on x86_64 only, as it is linked from its libraries; "
            "elsewhere use the zipapp (make zipapp) or a wheel, which contains the built file"
        )
    with cache.one_at_a_time():  # apt waits for nobody
        missing = tuple(each.name for each in PACKAGES if not each.is_installed())
        if missing and os.geteuid() != 0:
            command = shlex.join(apt.install_command(missing))
            raise BuildError(f"missing: {' '.join(missing)}; install with: sudo {command}")
        if missing and apt.install(missing) != 0:
            raise BuildError(f"cannot install {' '.join(missing)}; Debian 12 has them all, other releases do not")


def source() -> Source:
    """CPython's source, downloaded if it is not in the cache. Raises BuildError."""
    linked = ("libpython3.11-dev", "libssl-dev", "zlib1g-dev", "libc6-dev")
    versions = {name: _run("dpkg-query", "-W", "-f", "${Version}", name) for name in linked}
    upstream = versions["libpython3.11-dev"].rpartition("-")[0]
    folder = cache.once(f"{_SOURCE}-{upstream}", lambda into: _download(upstream, into))
    return Source(folder / "source", versions | {"source of python3.11": (folder / "version").read_text()})


def _download(upstream: str, into: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        options = _apt_options(Path(scratch))
        _run("apt-get", *options, "update", "--quiet")
        records = _run("apt-cache", *options, "showsrc", "--only-source", _SOURCE).splitlines()
        found = [line.removeprefix("Version: ") for line in records if line.startswith(f"Version: {upstream}-")]
        if not found:
            raise BuildError(
                f"Debian's archive has no source of {_SOURCE} {upstream}, the version of the installed "
                "libpython3.11-dev; upgrade it: apt-get install libpython3.11-dev"
            )
        # A mirror may have the index of a security update and not its files.
        errors = []
        for version in reversed(found):
            try:
                _run("apt-get", *options, "source", "--download-only", f"{_SOURCE}={version}", cwd=Path(scratch))
            except BuildError as error:
                errors.append(str(error))
                continue
            (description,) = Path(scratch).glob("*.dsc")
            # apt has verified the files; dpkg-source would want the developer's key.
            _run("dpkg-source", "--no-check", "-x", str(description), str(into / "source"), cwd=Path(scratch))
            (into / "version").write_text(version)
            return
        raise BuildError("\n".join(errors))


def _apt_options(scratch: Path) -> list[str]:
    archives = sorted(set(_run(*_ARCHIVES).splitlines()))
    if not archives:
        raise BuildError("apt has no index of a Debian archive; fetch it: apt-get update")
    entries = (
        f"Types: deb-src\nURIs: {at}\nSuites: {suite}\nComponents: main\nSigned-By: {_KEYS}\n"
        for at, suite in map(str.split, archives)
    )
    sources = scratch / "debian.sources"
    sources.write_text("\n".join(entries))
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "archives" / "partial").mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(scratch, "_apt")  # apt downloads as this user
    values = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch,
    }
    return [word for name, value in values.items() for word in ("-o", f"{name}={value}")]


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
