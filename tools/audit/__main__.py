"""Prints known vulnerabilities of the locked versions.

Exits with 1 if there are some, and with 2 if it could not be found out for each package.
"""

import subprocess
import sys
from pathlib import Path

from tools.audit.report import Report
from tools.lock.environment import python
from tools.lock.requirements import DEV, RUNTIME, TOOLS, locked


def audit(file: Path) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on a file of the lock; it installs nothing."""
    command = [str(python()), "-I", "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    return subprocess.run(
        [*command, "--format", "json", "--requirement", str(file)], capture_output=True, text=True, check=False
    )


def main() -> int:
    """Audit each file, and print what was found."""
    report = Report()
    for file in (RUNTIME, DEV, TOOLS):
        done = audit(file)
        if not done.stdout:
            sys.stderr.write(done.stderr)
        report.add(done.stdout, locked(file))
    sys.stdout.writelines(f"{line}\n" for line in report.lines())
    return report.status


if __name__ == "__main__":
    sys.exit(main())
