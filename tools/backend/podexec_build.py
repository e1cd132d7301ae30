"""The build backend of podexec (PEP 517, PEP 660): setuptools' own, after pymesos was put into ``podexec/_vendor``, and
the web interface into ``scheduler/api/ui_files`` (``interface.py``).

Owns which files of pymesos podexec contains, and how they differ from the release. A source archive contains them
already; only a build from a checkout downloads the release, with pip as it is configured on this machine. Options that
an outer pip was given do not arrive here: set PIP_INDEX_URL, not --index-url.

With SOURCE_DATE_EPOCH set, the same tree gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from setuptools import build_meta
from setuptools.build_meta import prepare_metadata_for_build_editable, prepare_metadata_for_build_wheel

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "bundle",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

_INTERFACE: Final = Path(__file__).with_name("interface.py")
_VENDOR: Final = Path(__file__).parents[2] / "podexec" / "_vendor"
_RELEASE: Final = _VENDOR / "pymesos.txt"
_PYMESOS: Final = _VENDOR / "pymesos"

# What podexec uses, and what that imports. Not: running subprocesses on Mesos, and a client of ZooKeeper for Python 2.
_MODULES: Final = (*("__init__", "detector", "executor", "interface", "operator_v1", "process", "scheduler", "utils"),)
# (module, in the release, here). Neither a distribution http-parser nor another pymesos in the environment is touched.
_CHANGES: Final = (
    ("process", "from http_parser.http import HttpParser", "from ..http_parser import HttpParser"),
    ("process", "from http_parser.pyparser import INVALID_CHUNK", "from ..http_parser import INVALID_CHUNK"),
    ("__init__", "logging.getLogger('pymesos')", "logging.getLogger(__name__)"),
)
# Of the result: names and contents.
_SHA256: Final = "054e4127cf2869b6f771008a6787b6f17a6ccbf1bd9165c24a1dfce2d3f46f5d"

_Options = dict[str, Any] | None


class VendorError(Exception):
    """pymesos cannot be bundled."""


def get_requires_for_build_sdist(config_settings: _Options = None) -> list[str]:
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_downloader()]


def get_requires_for_build_wheel(config_settings: _Options = None) -> list[str]:
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_downloader()]


def get_requires_for_build_editable(config_settings: _Options = None) -> list[str]:
    return [*build_meta.get_requires_for_build_editable(config_settings), *_downloader()]


def build_wheel(wheel_directory: str, config_settings: _Options = None, metadata_directory: str | None = None) -> str:
    bundle()
    _build_interface()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: _Options = None, metadata_directory: str | None = None
) -> str:
    bundle()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: _Options = None) -> str:
    bundle()
    _build_interface()
    name = build_meta.build_sdist(sdist_directory, config_settings)
    if "SOURCE_DATE_EPOCH" in os.environ:
        _repack(Path(sdist_directory, name), int(os.environ["SOURCE_DATE_EPOCH"]))
    return name


def bundle() -> None:
    """Put pymesos into its folder, unless it is there as it should be. Raises VendorError."""
    if _is_bundled():
        return
    with tempfile.TemporaryDirectory(dir=_VENDOR, prefix=".") as folder:
        files = _changed(_download(Path(folder)))
        found = _digest(files)
        if found != _SHA256:
            raise VendorError(
                f"the SHA-256 of the bundled pymesos is {found}, but {Path(__file__).name} states {_SHA256}"
            )
        new = Path(folder, "pymesos")
        new.mkdir()
        for name, content in files.items():
            (new / name).write_bytes(content)
        shutil.rmtree(_PYMESOS, ignore_errors=True)
        new.rename(_PYMESOS)


def _build_interface() -> None:
    """A program of its own: without Node, it says so, and podexec is built without the interface."""
    subprocess.run([sys.executable, "-I", str(_INTERFACE)], check=True, env=_environment())


def _downloader() -> list[str]:
    return [] if _is_bundled() else ["pip"]


def _is_bundled() -> bool:
    return _digest({path.name: path.read_bytes() for path in _PYMESOS.glob("*.py")}) == _SHA256


def _digest(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return digest.hexdigest()


def _download(folder: Path) -> Path:
    """The release, of which pip has checked the digest."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--require-hashes", "--requirement", str(_RELEASE), "--dest", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode != 0:
        raise VendorError(
            f"pip cannot download the release of pymesos that {_RELEASE.name} names, from the index it is configured "
            f"for (PIP_INDEX_URL sets one; --index-url does not reach a build): {done.stderr.strip()}"
        )
    (archive,) = folder.glob("pymesos-*.tar.gz")
    return archive


def _environment() -> dict[str, str]:
    """Without what the pip that builds podexec tells its hooks: a pip below it takes it for its own, and looks for the
    backend of pymesos in podexec's folder.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(("PEP517_", "_PYPROJECT_HOOKS_"))}


def _changed(archive: Path) -> dict[str, bytes]:
    """The modules that podexec contains, by the names of their files."""
    files = {}
    top = archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive) as release:
        for module in _MODULES:
            member = release.extractfile(f"{top}/pymesos/{module}.py")
            assert member is not None  # a file
            text = member.read().decode()
            for where, old, new in _CHANGES:
                if where == module:
                    if text.count(old) != 1:
                        raise VendorError(f"pymesos/{module}.py does not contain {old!r} once")
                    text = text.replace(old, new)
            files[f"{module}.py"] = text.encode()
    return files


def _repack(archive: Path, moment: int) -> None:
    """Make the archive depend on names and contents only: setuptools writes times, modes and owners of this machine."""
    with tarfile.open(archive) as old:
        entries = [(entry, old.extractfile(entry)) for entry in sorted(old.getmembers(), key=lambda each: each.name)]
        with (
            tempfile.NamedTemporaryFile(dir=archive.parent, delete=False) as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=moment) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
        ):
            for entry, content in entries:
                entry.mtime, entry.pax_headers = moment, {}
                entry.uid = entry.gid = 0
                entry.uname = entry.gname = ""
                entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
                new.addfile(entry, content)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(archive)
