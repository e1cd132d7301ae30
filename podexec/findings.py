"""The latest result of each check of a container, and when it deserves a status update of its own.

Users want to see the first result of each check, and each one that differs; agents and schedulers do not want an update
whenever the output of a check changes. Pure: no I/O, no clock. Times are seconds on any one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podexec.record import record
from podexec.wire import Finding

# How long a result that differs from the last reported one is held back, unless something else is to be reported.
REPORT_EVERY: Final = 10.0


@record
class Latest:
    """The latest result of one check, and the last one that was reported."""

    found: Finding
    reported: Finding | None = None
    reported_at: float = 0.0

    @property
    def due_at(self) -> float | None:
        """When the result is to be reported; None if it has been."""
        if self.found == self.reported:
            return None
        return -1.0 if self.reported is None else self.reported_at + REPORT_EVERY


Latests = Mapping[str, Latest]


def with_result(latests: Latests, found: Finding) -> Latests:
    """Replace the latest result of the check."""
    before = latests.get(found.check)
    after = Latest(found) if before is None else Latest(found, before.reported, before.reported_at)
    return {**latests, found.check: after}


def mark_reported(latests: Latests, now: float) -> Latests:
    """Mark every result as reported."""
    return {
        check: each if each.found == each.reported else Latest(each.found, each.found, now)
        for check, each in latests.items()
    }


def due_at(latests: Latests) -> float | None:
    """When the next result is to be reported; None if all have been."""
    return min((at for each in latests.values() if (at := each.due_at) is not None), default=None)


def due(latests: Latests, now: float) -> Finding | None:
    """A result that is to be reported now; failures come first."""
    waiting = [each.found for each in latests.values() if (at := each.due_at) is not None and now >= at]
    return min(waiting, key=lambda found: found.passed, default=None)
