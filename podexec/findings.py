"""What the checks of a container found last, and when that is worth a status update of its own.

A user who waits wants the first result of each check, and each that differs; an agent and a scheduler do not want an
update whenever the output of a check does. Pure: no I/O, no clock. Times are seconds on any one clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from podexec.record import record
from podexec.wire import Finding

# How long a result that differs from the one told before is kept back, if nothing else is to be told.
TELL_EVERY: Final = 10.0


@record
class Latest:
    """The last result of one check, and the last that was told."""

    found: Finding
    told: Finding | None = None
    told_at: float = 0.0

    @property
    def tell_at(self) -> float | None:
        """From when on it is news; None: it is none."""
        if self.found == self.told:
            return None
        return -1.0 if self.told is None else self.told_at + TELL_EVERY


Latests = Mapping[str, Latest]


def with_result(latests: Latests, found: Finding) -> Latests:
    """One more result, which takes the place of the check's last."""
    before = latests.get(found.check)
    after = Latest(found) if before is None else Latest(found, before.told, before.told_at)
    return {**latests, found.check: after}


def all_told(latests: Latests, now: float) -> Latests:
    """Every result was told."""
    return {
        check: each if each.found == each.told else Latest(each.found, each.found, now)
        for check, each in latests.items()
    }


def tell_at(latests: Latests) -> float | None:
    """When the next result is to be told; None: all were."""
    return min((at for each in latests.values() if (at := each.tell_at) is not None), default=None)


def news(latests: Latests, now: float) -> Finding | None:
    """A result that is to be told now; a failure first."""
    due = [each.found for each in latests.values() if (at := each.tell_at) is not None and now >= at]
    return min(due, key=lambda found: found.passed, default=None)
