"""``python -m tools.universe --url URL``: the files of a DC/OS repository with podexec, into ``dist/universe/``.

They are the scheduler's bundle, a repository for each format, and checksums. All are to be served at the URL.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from subprocess import CalledProcessError

from tools.bundle.build import build
from tools.release.__main__ import ROOT, moment
from tools.release.build import SUMS
from tools.universe.package import FORMATS, package


def write(dist: Path, output: Path, url: str, maintainer: str, when: int) -> None:
    """Write the files for the wheel in ``dist``. Raises FileNotFoundError, ValueError or CalledProcessError."""
    wheels = sorted(dist.glob("podexec-*.whl"))
    if len(wheels) != 1:
        raise ValueError(f"there must be one wheel of podexec in {dist}, not {len(wheels)}: run make dist")
    version = wheels[0].name.split("-")[1]
    output.mkdir(parents=True, exist_ok=True)
    bundle = output / f"podexec-scheduler-{version}-linux-x86_64.tar.gz"
    build(wheels[0], bundle, when)
    values = {"VERSION": version, "URL": url.rstrip("/"), "BUNDLE": bundle.name, "MAINTAINER": maintainer}
    files = [bundle]
    for packaging in FORMATS:
        repository = output / f"repository-v{packaging[0]}.json"
        content = {"packages": [package(ROOT / "universe", values, packaging, when)]}
        repository.write_text(json.dumps(content, indent=2) + "\n")
        files.append(repository)
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (output / SUMS).write_text("".join(sums), encoding="ascii")


def main() -> int:
    """Build as the command line says, and list the files."""
    parser = argparse.ArgumentParser(prog="python -m tools.universe", description="Build a DC/OS repository.")
    parser.add_argument(
        "--url", required=True, help="where the files will be served, e.g. http://files.example.com/podexec"
    )
    parser.add_argument("--maintainer", default="podexec", help="name or address shown by DC/OS (default: %(default)s)")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder with the wheel (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "universe", help="(default: %(default)s)")
    given = parser.parse_args()
    try:
        write(given.dist, given.output, given.url, given.maintainer, moment())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"make universe: {error}\n")
        return 2
    except CalledProcessError as error:
        sys.stderr.write(f"make universe: this failed: {' '.join(map(str, error.cmd))}\n{error.stdout}{error.stderr}")
        return 1
    sys.stdout.write((given.output / SUMS).read_text(encoding="ascii"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
