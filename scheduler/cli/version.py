"""``podexec version``, also ``podexec --version``: what a report of a problem needs to say about an installation."""

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scheduler.cli.look import TABLE, Output, View, look_of, print_view
from scheduler.cli.options import Json, variable_of

_EXECUTOR = variable_of("--executor")


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions and places of this installation.

    Attributes:
        installed: the folder that contains the packages.
        executor: the executor of this installation, static or as a zipapp.
        static_sha256: of the static executor that this installation contains; None: it contains none.
        executor_file: the file that PODEXEC_EXECUTOR names, if it names one of this machine.
        executor_sha256: of that file; None if it cannot be read.
        pymesos: the bundled release.
        mesos: of a local Mesos.
    """

    podexec: str
    installed: str
    python: str
    interpreter: str
    executor: str
    static_sha256: str | None
    executor_file: str | None
    executor_sha256: str | None
    pymesos: str
    mesos: str


def version(form: Output = TABLE, as_json: Json = False) -> None:
    """Show the versions of podexec and of what it contains, and where it is installed."""
    found = _versions()
    print_view(View(asdict(found), [found.podexec], lambda _look: _lines(found)), look_of(form, as_json))


def _lines(found: Versions) -> Iterator[str]:
    yield f"podexec {found.podexec}"
    yield f"  installed    {found.installed}"
    yield f"  Python       {found.python} ({found.interpreter})"
    static = "zipapp only" if found.static_sha256 is None else f"static, SHA-256 {found.static_sha256}"
    yield f"  executor     {found.executor} ({static})"
    if found.executor_file is not None:
        digest = "cannot be read" if found.executor_sha256 is None else f"SHA-256 {found.executor_sha256}"
        yield f"               {_EXECUTOR}={found.executor_file} ({digest})"
    yield f"  pymesos      {found.pymesos} (bundled)"
    yield f"  local Mesos  {found.mesos}"


def _versions() -> Versions:
    from importlib.metadata import version as version_of

    import podexec
    from localmesos import package

    folder = Path(podexec.__file__).parent
    executor, static = _executor_file(), folder / "executor-x86_64"
    return Versions(
        podexec=version_of("podexec"),
        installed=str(folder.parent),
        python=platform.python_version(),
        interpreter=sys.executable,
        executor=podexec.__version__,
        static_sha256=_sha256(static),
        executor_file=None if executor is None else str(executor),
        executor_sha256=None if executor is None else _sha256(executor),
        pymesos=_bundled_release(folder / "_vendor" / "pymesos.txt"),
        mesos=package.VERSION,
    )


def _executor_file() -> Path | None:
    named = os.environ.get(_EXECUTOR, "default")
    return None if named in ("auto", "default") or "://" in named else Path(named).absolute()


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _bundled_release(pin: Path) -> str:
    found = re.search(r"^pymesos==(\S+)", pin.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, f"{pin} names no release; the build reads it too"
    return found[1]
