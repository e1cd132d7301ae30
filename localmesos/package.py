"""Fetches and builds Mesos: the package `mesos.scheduler` 1.11.0 of the Python Package Index.

Owns the download through the index that pip is configured for, the check against the digests below, the cache under the
user's cache directory, and a single build for all processes. pip no longer accepts eggs, hence pypi-simple. The steps
of the build are in launcher/build.py.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT, NoSuchProjectError, PyPISimple

from localmesos.errors import ClusterError
from localmesos.launcher import build as launcher

PROJECT = "mesos.scheduler"
VERSION = "1.11.0"
EGG = f"{PROJECT}-{VERSION}-py2.7-linux-x86_64.egg"
EGG_SHA256 = "4940ebb70894ee004cf8a12b7b66b52a351be1070ec2a4e6f7dae4ec04f8cb61"
MEMBER = "mesos/scheduler/_scheduler.so"
MEMBER_SHA256 = "84d7ee9af27e912636b139de40257df1ee4f56c201de6bba834278aa1e8fd64c"

Progress = Callable[[str], None]


class PackageError(ClusterError):
    """Mesos could not be downloaded, verified or built."""


def silent(_line: str) -> None:
    """A `Progress` that prints nothing."""


def cache_folder() -> Path:
    """The cache: podexec/mesos-1.11.0 in XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "podexec" / f"mesos-{VERSION}"


def built_folder() -> Path:
    """The folder of the installation, which exists once it is complete."""
    return cache_folder() / f"build-{launcher.fingerprint()}"


def is_built() -> bool:
    """Whether there is an installation already."""
    return built_folder().is_dir()


def ensure(progress: Progress = silent) -> Path:
    """The folder of a complete Mesos installation, which is downloaded and built first if necessary."""
    require_platform()
    cache, prefix = cache_folder(), built_folder()
    if prefix.is_dir():
        return prefix
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "lock", progress):
        if not prefix.is_dir():
            library = read_library(fetch(cache, progress))
            progress(f"building the master and agent of Mesos {VERSION} (only once; takes a few seconds)")
            build_into(prefix, library, progress)
            progress(f"Mesos {VERSION} is installed in {prefix}")
    return prefix


def require_platform() -> None:
    """Raise PackageError on a machine that the package does not support."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise PackageError(
            f"a local Mesos runs only on Linux x86_64, and this is {sys.platform} {platform.machine()}. "
            "Use an existing cluster (--master HOST:PORT or --master zk://...)."
        )


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock between processes; it ends with the process, so a crash leaves nothing behind."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that is downloading or building Mesos")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_into(prefix: Path, library: bytes, progress: Progress) -> None:
    """Build next to the final place and then move, so that a build is either complete or absent."""
    unfinished = Path(tempfile.mkdtemp(prefix="building-", dir=prefix.parent))
    try:
        launcher.build(library, unfinished, progress)
        unfinished.chmod(0o755)
        unfinished.rename(prefix)
    except launcher.BuildError as error:
        raise PackageError(f"building Mesos failed: {error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def fetch(cache: Path, progress: Progress = silent) -> Path:
    """The verified egg, from the cache or from the package index."""
    egg = cache / EGG
    if not egg.exists():
        progress(f"downloading {EGG} (27 MB) from the package index")
        download(egg)
    check_sha256(egg.read_bytes(), EGG_SHA256, str(egg))
    return egg


def read_library(egg: Path) -> bytes:
    """The verified libmesos from the egg."""
    with zipfile.ZipFile(egg) as archive:
        library = archive.read(MEMBER)
    check_sha256(library, MEMBER_SHA256, f"{MEMBER} in {egg}")
    return library


def check_sha256(data: bytes, expected: str, what: str) -> None:
    """Raise PackageError unless the bytes are exactly those that this project was made for."""
    actual = hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise PackageError(
            f"{what} is not the expected file: its SHA-256 is {actual}, not {expected}. Remove it and try again."
        )


def download(target: Path) -> None:
    """Download the egg through the configured index to `target`; a failure leaves no file there."""
    settings = pip_settings()
    index = settings.get("index-url", PYPI_SIMPLE_ENDPOINT)
    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"  # a small compressed answer could become large
    if "cert" in settings:
        session.verify = settings["cert"]
    unfinished = target.with_suffix(".part")
    hint = f"Or put {EGG} into {target.parent} by hand."
    try:
        with PyPISimple(index, session=session) as client:
            packages = client.get_project_page(PROJECT).packages
            package = next((package for package in packages if package.filename == EGG), None)
            if package is None:
                raise PackageError(f"the package index {index} has no {EGG}. Set PIP_INDEX_URL to one that has. {hint}")
            client.download_package(package, unfinished, verify=False)
        check_sha256(unfinished.read_bytes(), EGG_SHA256, f"{EGG} of {index}")
        unfinished.rename(target)
    except NoSuchProjectError as error:
        raise PackageError(
            f"the package index {index} has no {PROJECT}. Set PIP_INDEX_URL to one that has. {hint}"
        ) from error
    except requests.RequestException as error:
        raise PackageError(f"cannot download {EGG} from the package index {index}: {error}. {hint}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def pip_settings() -> dict[str, str]:
    """pip's index-url and cert, from its environment variables or else its configuration files."""
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]  # -P: nothing is imported from the current folder
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    for line in pip.stdout.splitlines() if pip.returncode == 0 else []:
        if match := re.fullmatch(r"(?:global|download|:env:)\.(index-url|cert)='(.*)'", line.strip()):
            found[match[1]] = match[2]
    for name in ("index-url", "cert"):
        if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
            found[name] = value
    return found
