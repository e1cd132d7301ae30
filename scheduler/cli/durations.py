"""Reads durations such as ``1h30m``, and moments such as ``2026-01-31T12:00:00Z``."""

import re
from datetime import datetime

from scheduler.cli.errors import CommandError
from scheduler.model.times import timestamp, written

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,3})?[smhd])+")
_PART = re.compile(r"([\d.]+)([smhd])")


def moment(text: str, now: float, option: str) -> str:
    """The time that is this long ago, or that is written so, in UTC. ``now``: seconds since the epoch.

    A time without a zone is this machine's. Raises CommandError, which names the ``option``.
    """
    if _DURATION.fullmatch(text):
        return timestamp(now - sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    try:
        return written(datetime.fromisoformat(text).astimezone())
    except (ValueError, OverflowError, OSError) as error:
        raise CommandError(
            f"{option} must be a duration such as 90s, 5m, 1h30m or 2d, or a time such as 2026-01-31T12:00:00Z, "
            f"not {text!r}",
            code=2,
        ) from error
