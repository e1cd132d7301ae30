"""What the tree requires, and which versions the lock has of it."""

import re
from configparser import ConfigParser
from pathlib import Path
from tomllib import loads

from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
RUNTIME, DEV, TOOLS = (Path(__file__).with_name(f"{name}.txt") for name in ("runtime", "dev", "tools"))
_TOOLS = ("pip-audit", "uv")
# NAME==VERSION [; CONDITION], and the digests on lines of their own.
_ENTRY = re.compile(r"^([a-z0-9-]+==[^ ]+)(?: ; (.*?))? (\\\n(?: +--hash=.*\n)+)", re.MULTILINE)


def wanted() -> dict[Path, list[str]]:
    """The requirements that each file of the lock is for."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    runtime = _lines(settings["options"]["install_requires"])
    dev = _lines(settings["options.extras_require"]["dev"])
    build = loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    return {RUNTIME: runtime, DEV: [*runtime, *dev, *build], TOOLS: list(_TOOLS)}


def oldest_python() -> str:
    """The oldest release of Python that the lock is for."""
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return settings["options"]["python_requires"].removeprefix(">=")


def locked(file: Path) -> dict[str, str]:
    """The requirements in a file of the lock: the version of each package, by its normalised name."""
    entries = re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", file.read_text(), re.MULTILINE)
    return dict(entries)


def for_python(file: Path, release: str) -> str:
    """The part of a file for a release of CPython on Linux. pip itself asks the Python that it runs on.

    Without the conditions, which hold.
    """
    system = {"os_name": "posix", "platform_system": "Linux", "sys_platform": "linux"}
    python = {"platform_python_implementation": "CPython", "implementation_name": "cpython"}
    version = {"python_version": ".".join(release.split(".")[:2]), "python_full_version": release}
    parts = []
    for head, condition, rest in _ENTRY.findall(file.read_text()):
        if not condition or Marker(condition).evaluate({**system, **python, **version}):
            parts.append(f"{head} {rest}")
    return "".join(parts)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]
