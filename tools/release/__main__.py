"""``python -m tools.release``: build a release of this tree into ``dist/``.

Its date is SOURCE_DATE_EPOCH, else that of the last commit.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.release.build import SUMS, build
from tools.static_executor.errors import BuildError

ROOT = Path(__file__).parents[2]


def moment() -> int:
    """The date of the release, in seconds since the epoch."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is not None:
        return int(given)
    return int(_git("log", "-1", "--format=%ct"))


def _has_changes() -> bool:
    try:
        return bool(_git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return False  # no clone


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Build and list the files."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description="Build the files of a release.")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "dist", help="a new or empty folder (default: %(default)s)"
    )
    output = parser.parse_args().output
    try:
        when = moment()
    except (OSError, ValueError, subprocess.CalledProcessError):
        sys.stderr.write(
            "make dist: no date: set SOURCE_DATE_EPOCH to seconds since the epoch, or build in a git clone\n"
        )
        return 2
    if _has_changes():
        sys.stderr.write("make dist: this tree has uncommitted changes, which are built too\n")
    try:
        build(ROOT, output, when)
    except (BuildError, FileExistsError) as error:
        sys.stderr.write(f"make dist: {error}\n")
        return 2
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"make dist: this failed: {' '.join(map(str, error.cmd))}\n{error.stdout}{error.stderr}")
        return 1
    sys.stdout.write((output / SUMS).read_text(encoding="ascii"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
