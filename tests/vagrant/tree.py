"""The files of a Debian 12 with the packages that the provisioning installs, for machines without a network.

Made with mmdebstrap, as root, and kept in the user's cache directory until something changes that it was made from.
"""

import hashlib
import inspect
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from localmesos.package import cache_folder, locked, silent
from tests.vagrant.cluster import VAGRANT

_SUITE = "bookworm"
# What makes a machine of it: init, and the tools that the tests use.
_OWN = ("systemd-sysv", "dbus")
# Of scripts that run in the machines of the tests. Indented lines depend on conditions that are not met there.
_SCRIPTS = ("machine.sh", "podexec.sh", "zookeeper.sh", "agent.sh")
_INSTALLED = re.compile(r"^install_packages (.+)$", re.MULTILINE)
_LEFT_OUT = ("doc", "man", "locale", "info")
# It ends with this process, and what it mounts goes with it.
_MORTAL = ("setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_UNFINISHED = "making-"
_DAY_SECONDS = 24 * 3600
_ACQUIRE = re.compile(r"^Acquire::(?:http|https|Check).*", re.MULTILINE)


def packages() -> list[str]:
    """The packages of the machines."""
    scripts = [(VAGRANT / "provision" / script).read_text() for script in _SCRIPTS]
    return sorted(
        {*_OWN, *(name for script in scripts for line in _INSTALLED.findall(script) for name in line.split())}
    )


def cached_tree() -> Path:
    """The folder, which must not be changed. Takes up to a minute the first time."""
    options = [f"--include={','.join(packages())}", "--variant=minbase", "--dpkgopt=force-unsafe-io"]
    options += [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in _LEFT_OUT]
    # Java's packages fail without the folder that the option above leaves out.
    options.append('--setup-hook=mkdir -p "$1/usr/share/man/man1"')
    key = hashlib.sha256("\n".join([*options, inspect.getsource(_make)]).encode()).hexdigest()[:12]
    cache = cache_folder().parent / "machines"
    tree = cache / f"{_SUITE}-{key}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock", silent):
        if not tree.exists():
            _remove_outdated(cache)
            _make(tree, options)
    os.utime(tree)
    return tree


def _remove_outdated(cache: Path) -> None:
    """Remove trees that no test has used for a day, as other clones may use others, and unfinished ones."""
    for unfinished in cache.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(unfinished)
    for tree in cache.glob(f"{_SUITE}-*"):
        if tree.stat().st_mtime < time.time() - _DAY_SECONDS:
            shutil.rmtree(tree)


def _make(tree: Path, options: list[str]) -> None:
    """Next to the final place and then moved there, so that a tree is either complete or absent."""
    apt = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    of_this_machine = [f"--aptopt={line}" for line in _ACQUIRE.findall(apt)]
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=tree.parent) as folder:
        made = Path(folder, "tree")
        words = [*_MORTAL, "mmdebstrap", "--mode=root", "--format=directory", *options, *of_this_machine, _SUITE, made]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"mmdebstrap failed; the end of what it said:\n{done.stderr[-3000:]}"
        for file in ("etc/hostname", "etc/resolv.conf"):  # each machine has its own, or none
            made.joinpath(file).unlink(missing_ok=True)
        # Empty: each start is given an identity, and is not a first one, which would enable services.
        made.joinpath("etc", "machine-id").write_text("")
        made.rename(tree)
