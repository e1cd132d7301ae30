"""Finds the Debian packages that a local Mesos needs and this machine lacks.

    python -P -m localmesos.apt [--install] [--with zookeeper]

Without --install it changes nothing: if packages are missing it prints the `apt-get` line and exits with 1. With
--install it runs that line, on Debian and as root. It runs before anything is installed, so it imports only the
standard library and can be run as a file.
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

_PURPOSE = "Find, or install, the Debian packages that a local Mesos needs and this machine lacks."

SEARCH_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/lib")


@dataclass(frozen=True)
class Package:
    """A package, recognised by a command, a library, a path or a module that it provides."""

    name: str
    command: str = ""
    library: str = ""
    path: str = ""
    module: str = ""  # of the Python that runs this program
    root_only: bool = False  # used only by clusters of root

    def is_installed(self) -> bool:
        """Whether what it provides is there, from whatever package."""
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
    Package("nftables", command="nft", root_only=True),
    Package("containernetworking-plugins", path="/usr/lib/cni/bridge", root_only=True),
    Package("busybox-static", path="/bin/busybox", root_only=True),
)
EXTRAS = {
    "chromium": Package("chromium", command="chromium"),
    "docker-registry": Package("docker-registry", command="docker-registry"),
    "nginx": Package("nginx-light", command="nginx"),
    "openssl": Package("openssl", command="openssl"),
    "skopeo": Package("skopeo", command="skopeo"),
    "umoci": Package("umoci", command="umoci"),
    "systemd": Package("systemd", command="systemd-analyze"),
    "zookeeper": Package("zookeeper", path="/usr/share/java/zookeeper.jar"),
    "zstd": Package("zstd", command="zstd"),
    "mmdebstrap": Package("mmdebstrap", command="mmdebstrap"),
    "systemd-container": Package("systemd-container", command="systemd-nspawn"),
    "vagrant-libvirt": Package("vagrant-libvirt", path="/usr/share/vagrant-plugins/plugins.d/vagrant-libvirt.json"),
}


def missing(extras: tuple[str, ...] = (), *, root: bool | None = None) -> tuple[str, ...]:
    """The packages that are needed and not installed."""
    as_root = os.geteuid() == 0 if root is None else root
    wanted = [package for package in PACKAGES if as_root or not package.root_only]
    wanted += [EXTRAS[extra] for extra in extras]
    return tuple(package.name for package in wanted if not package.is_installed())


def install_command(packages: tuple[str, ...]) -> tuple[str, ...]:
    """The command that installs packages without asking."""
    return ("apt-get", "install", "--yes", "--no-install-recommends", *packages)


def install(packages: tuple[str, ...]) -> int:
    """Update the package lists and install packages. Returns the exit status of apt-get."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (("apt-get", "update", "--quiet"), install_command(packages)):
        sys.stdout.write(f"+ {shlex.join(command)}\n")
        sys.stdout.flush()
        status = subprocess.run(command, env=environment, check=False).returncode
    return status


def main() -> int:
    """Report missing packages, or install them."""
    parser = argparse.ArgumentParser(prog="python -m localmesos.apt", description=_PURPOSE)
    parser.add_argument("--install", action="store_true", help="install missing packages (Debian, as root)")
    parser.add_argument(
        "--with",
        dest="extras",
        action="append",
        choices=sorted(EXTRAS),
        default=[],
        help="an optional part; repeatable",
    )
    arguments = parser.parse_args()
    packages = missing(tuple(arguments.extras))
    if not packages:
        return 0
    line = shlex.join(install_command(packages))
    if not arguments.install:
        sys.stdout.write(f"missing: {' '.join(packages)}; install with: {line}\n")
        return 1
    if shutil.which("apt-get") is None:
        sys.stderr.write(f"this is not Debian: install this system's equivalents of {', '.join(packages)}\n")
        return 1
    if os.geteuid() != 0:
        sys.stderr.write(f"not root: install with: sudo {line}\n")
        return 1
    return install(packages)


if __name__ == "__main__":
    sys.exit(main())
