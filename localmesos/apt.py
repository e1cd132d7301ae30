"""Which Debian packages a local Mesos lacks here: `python -P -m localmesos.apt [--install] [--with zookeeper]`.

Runs before anything is installed: it imports the standard library only, and may be run as a file. Without --install it
changes nothing: it prints the `apt-get` line and ends with 1 where something that is needed is missing. With --install
it runs that line where this is Debian and the user is root.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib")


@dataclass(frozen=True)
class Package:
    """A package, known by something of it that is looked for: a command, a library, a path or a module."""

    name: str
    command: str = ""
    library: str = ""
    path: str = ""
    module: str = ""  # of the Python that runs this
    root_only: bool = False  # of no use to a cluster that is not root's

    def present(self) -> bool:
        """Whether what it gives is there, from whatever package."""
        if self.command:
            return shutil.which(self.command, path=SEARCH_PATH) is not None
        if self.module:
            return importlib.util.find_spec(self.module) is not None
        if self.library:
            return any(Path(folder, self.library).exists() for folder in LIBRARY_FOLDERS)
        return Path(self.path).exists()


PACKAGES = (
    Package("python3-venv", module="ensurepip"),
    Package("g++", command="g++"),
    Package("binutils", command="readelf"),
    Package("libsasl2-2", library="libsasl2.so.2"),
    Package("libsasl2-modules", library="sasl2/libcrammd5.so"),
    Package("libcurl3-gnutls", library="libcurl-gnutls.so.4"),
    Package("libssl3", library="libcrypto.so.3"),
    Package("zlib1g", library="libz.so.1"),
    Package("tar", command="tar"),
    Package("iproute2", command="ip", root_only=True),
    Package("util-linux", command="nsenter", root_only=True),
    Package("iptables", command="iptables", root_only=True),
    Package("containernetworking-plugins", path="/usr/lib/cni/bridge", root_only=True),
    Package("busybox-static", path="/bin/busybox", root_only=True),
)
EXTRAS = {
    "openssl": Package("openssl", command="openssl"),
    "zookeeper": Package("zookeeper", path="/usr/share/java/zookeeper.jar"),
}


def missing(extras: tuple[str, ...] = (), *, root: bool | None = None) -> tuple[str, ...]:
    """The packages that are needed and not there."""
    as_root = os.geteuid() == 0 if root is None else root
    wanted = [package for package in PACKAGES if as_root or not package.root_only]
    wanted += [EXTRAS[extra] for extra in extras]
    return tuple(package.name for package in wanted if not package.present())


def install_command(packages: tuple[str, ...]) -> tuple[str, ...]:
    """The command that installs packages, without questions."""
    return ("apt-get", "install", "--yes", "--no-install-recommends", *packages)


def install(packages: tuple[str, ...]) -> int:
    """Install packages, with the lists of packages brought up to date first; the exit status of apt-get."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update", "--quiet"), install_command(packages)):
        sys.stdout.write(f"+ {shlex.join(command)}\n")
        sys.stdout.flush()
        status = subprocess.run(command, env=environment, check=False).returncode
    return status


def main() -> int:
    """Say what is missing, or install it."""
    parser = argparse.ArgumentParser(prog="python -m localmesos.apt", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install what is missing")
    parser.add_argument("--with", dest="extras", action="append", choices=sorted(EXTRAS), default=[])
    arguments = parser.parse_args()
    packages = missing(tuple(arguments.extras))
    if not packages:
        return 0
    line = shlex.join(install_command(packages))
    if not arguments.install:
        sys.stdout.write(f"missing: {' '.join(packages)}; install with: {line}\n")
        return 1
    if shutil.which("apt-get") is None:
        sys.stderr.write(f"this is no Debian: install what gives {', '.join(packages)}, by the names of this system\n")
        return 1
    if os.geteuid() != 0:
        sys.stderr.write(f"not root: install with: sudo {line}\n")
        return 1
    return install(packages)


if __name__ == "__main__":
    sys.exit(main())
