"""Writes times as Marathon does: UTC to the millisecond, so that they can be compared as strings."""

from datetime import UTC, datetime, timedelta


def timestamp(seconds: float) -> str:
    """The string for a time in seconds since the epoch."""
    return written(datetime.fromtimestamp(seconds, UTC))


def written(time: datetime) -> str:
    """The string for a time that has an offset."""
    return f"{time.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def later(than: str) -> str:
    """The string for one millisecond after the given one."""
    return written(datetime.fromisoformat(than) + timedelta(milliseconds=1))
