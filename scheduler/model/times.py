"""Writes times as Marathon does: UTC to the millisecond, so that they can be compared as strings."""

from datetime import UTC, datetime, timedelta

# Whole days inside the years 1 to 9999, the only ones that can be written.
_FIRST, _LAST = -62_135_510_400, 253_402_214_400


def timestamp(seconds: float) -> str:
    """The string for a time in seconds since the epoch; the nearest one for a time that no string is for, which agents
    and masters may send.
    """
    return written(datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC))


def written(time: datetime) -> str:
    """The string for a time that has an offset."""
    return f"{time.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def later(than: str) -> str:
    """The string for one millisecond after the given one."""
    return written(datetime.fromisoformat(than) + timedelta(milliseconds=1))
