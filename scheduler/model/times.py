"""Times as Marathon writes them: UTC to the millisecond, so that they can be compared as strings."""

from datetime import UTC, datetime, timedelta


def timestamp(seconds: float) -> str:
    """A time in seconds since the epoch."""
    return written(datetime.fromtimestamp(seconds, UTC))


def written(time: datetime) -> str:
    """A time with an offset."""
    return f"{time.astimezone(UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def later(than: str) -> str:
    """The next time after a written one."""
    return written(datetime.fromisoformat(than) + timedelta(milliseconds=1))
