"""Installs Mesos' programs into a folder of the user's choice, for masters and agents of the user's own."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from localmesos import package, system
from localmesos.errors import ClusterError
from localmesos.package import Progress, silent

_MARK = "installed-by-podexec"  # in the folder: the name of the build


def install(target: Path, progress: Progress = silent) -> None:
    """Make `target` a complete installation (bin, lib, libexec), which is downloaded and built first if necessary.

    Replaces an older installation, and leaves a current one alone. Raises ClusterError if the folder
    contains anything else, or cannot be made.
    """
    build = package.ensure(progress)
    target = target.absolute()
    installed = _installed(target)
    if installed == build.name:
        progress(f"Mesos {package.VERSION} is installed in {target} already")
        return
    try:
        system.make_folder(target.parent)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        replaced = unfinished.with_name(f"{unfinished.name}-replaced")
        try:
            shutil.copytree(build, unfinished, symlinks=True, dirs_exist_ok=True)
            (unfinished / _MARK).write_text(f"{build.name}\n")
            unfinished.chmod(0o755)
            if target.exists():
                target.rename(replaced)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise ClusterError(f"cannot install Mesos into {target}: {error}") from error
    progress(f"Mesos {package.VERSION} is installed in {target}")


def _installed(target: Path) -> str | None:
    """Name of the build that the folder has; None if it is empty or missing."""
    try:
        if not target.exists() or not any(target.iterdir()):
            return None
        return (target / _MARK).read_text().strip()
    except OSError:
        raise ClusterError(
            f"{target} exists and is not an installation of Mesos by podexec; choose an empty or a new folder"
        ) from None
