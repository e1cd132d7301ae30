"""Leaves out old lines. Mesos stores no time for a line: only what is known to be old is left out.

Known are the time at which a file was written last, and the times that lines themselves begin with.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

_TIME = re.compile(
    r"""\W{0,2}(?:(?:time|ts|timestamp)"?[=:]\s?"?)?"""
    r"""(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?P<zone>Z|\s?[+-]\d\d:?\d\d)?"""
)
_LONGEST_BEGINNING = 64  # characters of a line in which its time can be


class Since:
    """Selects the lines of one stream."""

    def __init__(self, since: float) -> None:
        """``since``: seconds since the epoch."""
        self._since = since
        self._is_old = False

    def new(self, lines: Sequence[str]) -> list[str]:
        """The lines that are not known to be old: a line without a time is as old as the one before it."""
        return [each for each in lines if not self._judged(each)]

    def _judged(self, line: str) -> bool:
        found = time_of(line)
        if found is not None:
            self._is_old = found < self._since
        return self._is_old


def time_of(line: str) -> float | None:
    """The time that a line begins with, in seconds since the epoch; None: it has none. Without a zone it is UTC."""
    found = _TIME.match(line[:_LONGEST_BEGINNING])
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found["time"].replace(",", ".") + (found["zone"] or "").strip())
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
