"""What pip-audit found, and what it could not find out."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


@dataclass(slots=True)
class Report:
    """The result for the packages of some files of the lock.

    Attributes:
        audited: packages of which the index knows whether they have vulnerabilities.
        vulnerable: a line for each known vulnerability.
        unknown: packages of which it could not be found out.
    """

    audited: set[str] = field(default_factory=set)
    vulnerable: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    def add(self, output: str, packages: Iterable[str]) -> None:
        """Add what pip-audit wrote (--format json) about these packages, if it wrote anything."""
        answers = {each["name"]: each for each in _dependencies(output)}
        for name in packages:
            answer = answers.get(name, {"skip_reason": "no answer"})
            if "skip_reason" in answer:
                self.unknown.add(name)
                continue
            self.audited.add(name)
            for found in answer["vulns"]:
                fixed = ", ".join(found["fix_versions"]) or "none"
                self.vulnerable.add(f"{name} {answer['version']}: {found['id']}; fixed in: {fixed}")

    @property
    def status(self) -> int:
        """The exit status: vulnerable, else unknown, else clean."""
        if self.vulnerable:
            return VULNERABLE
        return UNKNOWN if self.unknown else CLEAN

    def lines(self) -> list[str]:
        """The report. pip-audit itself says that it found nothing where it could ask for nothing."""
        lines = sorted(self.vulnerable)
        if self.unknown:
            known = f"{len(self.audited)} of {len(self.audited) + len(self.unknown)} packages"
            lines.append(
                f"NOT AUDITED: {', '.join(sorted(self.unknown))}: the package index that pip-audit asks cannot be "
                f"reached, or does not know them; only {known} are audited"
            )
        if not lines:
            lines.append(f"no known vulnerabilities in {len(self.audited)} packages")
        return lines


def _dependencies(output: str) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return []
    return found
